import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkPlatform } from '../compare/build/build-subjects.ts';
import { toImageName } from '../compare/build/keep-images.ts';
import type { SelectionRequest } from '../compare/discover/find-projects.ts';
import { selectSubjects } from '../compare/discover/select-subjects.ts';
import { mergeSettings, resolvePaths, secretFile } from '../compare/model/settings.ts';
import { referenceOf, subjectName } from '../compare/model/subject.ts';

let top = '';
let root = '';
let current = '';

beforeEach(async () => {
  top = await realpath(await mkdtemp(join(tmpdir(), 'select-')));
  root = join(top, 'repository');
  current = join(top, 'work');
  await files({
    'repository/01-a/Dockerfile.x': '',
    'repository/02-b/Dockerfile.single': '',
    'repository/10-ten/Dockerfile.x': '',
    'repository/compare.config.json': '{"budgets": {"02-b": {"single": {"download": "1 MB"}}}}',
    'work/app/Dockerfile': '',
  });
});
afterEach(() => rm(top, { recursive: true }));

async function files(texts: Record<string, string>): Promise<void> {
  for (const [path, text] of Object.entries(texts)) {
    await mkdir(dirname(join(top, path)), { recursive: true });
    await writeFile(join(top, path), text || 'FROM scratch\n');
  }
}

const select = (names: string[], request: Partial<SelectionRequest> = {}) =>
  selectSubjects({ names, hasImages: false, given: {}, check: false, ...request }, { root, current });

const selected = async (...args: Parameters<typeof select>) =>
  (await select(...args)).subjects.map((subject) => subjectName(subject));

const refused = (message: RegExp, hint = /./) =>
  expect.objectContaining({
    exitCode: 2,
    message: expect.stringMatching(message),
    hint: expect.stringMatching(hint),
  });

test('chapters are selected by name or number, in their order; no name and the repository itself select all', async () => {
  expect(await selected([])).toEqual(['01-a x', '02-b single', '10-ten x']);
  expect(await selected([root])).toEqual(['01-a x', '02-b single', '10-ten x']);
  expect(await selected(['2', '01'])).toEqual(['01-a x', '02-b single']);
  expect(await selected(['../repository/02-b/', '02'])).toEqual(['02-b single']);
  expect(await selected(['10'])).toEqual(['10-ten x']);
  expect(await selected([], { hasImages: true })).toEqual([]);
  for (const wrong of ['0', '3', 'b', '02-bb']) {
    await expect(select([wrong])).rejects.toThrow(refused(/no chapter and no directory/, /02-b/));
  }
});

test('a directory is a project, even with the name of a chapter', async () => {
  await files({ 'work/02-b/Dockerfile': '' });
  await symlink('app', join(current, 'link'));
  expect(await selected(['app', '02'])).toEqual(['02-b single', 'app Dockerfile']);
  expect(await selected(['./link', 'app/', join(current, 'app')])).toEqual(['app Dockerfile']);
  // Together with the chapter, it gets another name.
  expect(await selected(['./02-b', '2'])).toEqual(['02-b single', 'work/02-b Dockerfile']);
});

test('a directory below a chapter is a project: its Dockerfiles have the order of its file, the first is the reference', async () => {
  const config = { context: '../..', dockerfiles: ['Dockerfile.mistake', 'Dockerfile.fixed'] };
  await files({
    'repository/02-b/mistakes/late/Dockerfile.fixed': '',
    'repository/02-b/mistakes/late/Dockerfile.mistake': '',
    'repository/02-b/mistakes/late/compare.config.json': JSON.stringify(config),
    'work/10/mistakes/early/Dockerfile': '',
  });
  for (const name of [
    '02/mistakes/late',
    '2/mistakes/late/',
    '02-b/mistakes/late',
    '../repository/02-b/mistakes/late',
  ]) {
    expect(await selected([name, '02'])).toEqual(['02-b single', 'late mistake', 'late fixed']);
  }
  const { subjects } = await select(['02/mistakes/late']);
  expect(subjects[0]).toMatchObject({ file: 'late/Dockerfile.mistake', context: join(root, '02-b') });
  expect(referenceOf(subjects, 'late', (subject) => subject)).toBe(subjects[0]);
  await expect(select(['02/mistakes/no-such'])).rejects.toThrow(refused(/no directory "02\/mistakes\/no-such"/));
  // What the chapter does not have is searched for in the directory of the user.
  expect(await selected(['10/mistakes/early'])).toEqual(['early Dockerfile']);
});

test('projects with the same name get more of their paths, and none gets the name image', async () => {
  await files({ 'work/a/api/Dockerfile': '', 'work/b/api/Dockerfile': '', 'work/image/Dockerfile': '' });
  expect(await selected(['a/api', 'b/api', 'image'])).toEqual([
    'a/api Dockerfile',
    'b/api Dockerfile',
    'work/image Dockerfile',
  ]);
});

test('every Dockerfile of a directory is a variant, once, and nothing below it', async () => {
  await files({
    'work/many/Dockerfile.multi': '',
    'work/many/Dockerfile.single': '',
    'work/many/Dockerfile': '',
    'work/many/Dockerfile.prod': '',
    'work/many/prod.Dockerfile': '',
    'work/many/web.Dockerfile': '',
    'work/many/Dockerfile.prod.dockerignore': '',
    'work/many/Dockerfile~': '',
    'work/many/Dockerfile.d/x': '',
    'work/many/node_modules/x/Dockerfile': '',
    'work/many/below/Dockerfile': '',
    'elsewhere/Dockerfile.far': '',
  });
  await symlink('Dockerfile.multi', join(current, 'many/Dockerfile.default'));
  await symlink('../../elsewhere/Dockerfile.far', join(current, 'many/Dockerfile.near'));
  await symlink('nowhere', join(current, 'many/Dockerfile.lost'));
  const { subjects } = await select(['many']);
  expect(subjects.map(({ variant }) => variant)).toEqual([
    'single',
    'Dockerfile',
    'multi',
    'near',
    'prod',
    'prod.Dockerfile',
    'web',
  ]);
  expect(subjects.find(({ variant }) => variant === 'near')).toMatchObject({
    dockerfile: join(top, 'elsewhere/Dockerfile.far'),
    context: join(current, 'many'),
    file: 'many/Dockerfile.far',
  });
});

test('the error for a directory without a Dockerfile lists those below it', async () => {
  await files({ 'work/mono/apps/api/Dockerfile': '', 'work/mono/node_modules/x/Dockerfile': '', 'work/none/x': '' });
  await expect(select(['mono'])).rejects.toThrow(
    refused(/^There is no Dockerfile in .*mono\.$/, /^Below it there are: mono\/apps\/api\/Dockerfile\. To measure/),
  );
  await expect(select(['none'])).rejects.toThrow(refused(/no Dockerfile in .*none/, /Every Dockerfile/));
});

test('paths of Dockerfiles and contexts are relative to the directory of the user, or to the project', async () => {
  await files({ 'work/app/docker/api/Dockerfile': '', 'work/app/docker/web/Dockerfile': '' });
  const one = await select(['app'], { given: { dockerfiles: ['docker/api/Dockerfile'] } });
  expect(one.subjects).toMatchObject([
    { chapter: 'app', variant: 'Dockerfile', context: join(current, 'app'), file: 'app/docker/api/Dockerfile' },
  ]);
  const dockerfiles = ['app/docker/api/Dockerfile', 'docker/web/Dockerfile'];
  const two = await select(['app'], { given: { dockerfiles, targets: ['a', 'b'] } });
  expect(two.subjects.map(({ variant, target }) => [variant, target])).toEqual([
    ['docker/api/Dockerfile:a', 'a'],
    ['docker/api/Dockerfile:b', 'b'],
    ['docker/web/Dockerfile:a', 'a'],
    ['docker/web/Dockerfile:b', 'b'],
  ]);
  const withContext = await select([], { given: { dockerfiles: ['app/docker/api/Dockerfile'], context: 'app' } });
  expect(withContext.subjects).toMatchObject([{ chapter: 'app', context: join(current, 'app') }]);
  const chapter = await select([], { given: { dockerfiles: ['../repository/02-b/Dockerfile.single'] }, check: true });
  expect(chapter.budgets).toHaveProperty(['02-b', 'single']);
  const withoutContext = await select([], { given: { dockerfiles: ['app/docker/api/Dockerfile'] } });
  expect(withoutContext.subjects).toMatchObject([{ chapter: 'api', context: join(current, 'app/docker/api') }]);
});

test('the command line replaces the settings of a project; variables and secrets are replaced by name', async () => {
  await files({
    'work/app/compare.config.json': JSON.stringify({
      port: 1,
      path: '/a',
      run: false,
      env: { A: '1', B: '1' },
      buildArgs: { C: '1' },
      secrets: ['id=x,src=token', 'id=y,src=token'],
      context: 'src',
      targets: ['t'],
    }),
    'work/app/src/x': '',
    'work/app/token': '',
    'work/other': '',
  });
  const given = { port: 2, env: { B: '2' }, secrets: ['id=y,src=other'] };
  const { subjects } = await select(['app'], { given });
  expect(subjects).toMatchObject([
    {
      variant: 't',
      target: 't',
      context: join(current, 'app/src'),
      settings: {
        port: 2,
        path: '/a',
        run: false,
        expectStatus: 200,
        env: { A: '1', B: '2' },
        buildArgs: { C: '1' },
        secrets: [`id=x,src=${join(current, 'app/token')}`, `id=y,src=${join(current, 'other')}`],
      },
    },
  ]);
});

test('PORT of an environment file is the port to request, where nothing else says which', async () => {
  const quoted = 'PORT="5000"\nPORT=5000 # comment\n#PORT=5000\n';
  await files({ 'work/app.env': '# comment\nPORT=4000\n PORT=5000\nOTHER=1\n', 'work/quoted.env': quoted });
  const settings = async (given: SelectionRequest['given']) =>
    (await select(['app'], { given })).subjects[0]?.settings ?? {};
  expect(await settings({ envFile: 'app.env' })).toMatchObject({ port: 5000, env: {} });
  expect(await settings({ envFile: 'app.env', port: 1 })).toMatchObject({ port: 1, env: {} });
  const given = await settings({ envFile: 'app.env', env: { PORT: '6000' } });
  expect(given).toMatchObject({ env: { PORT: '6000' } });
  expect(given).not.toHaveProperty('port');
  // Docker takes quotes and comments as a part of the value.
  expect(await settings({ envFile: 'quoted.env' })).not.toHaveProperty('port');
});

test('budgets of chapters are in the repository, those of a project in the project', async () => {
  const budgets = { Dockerfile: { download: '1 MB' } };
  await files({ 'work/app/compare.config.json': JSON.stringify({ budgets }), 'work/free/Dockerfile': '' });
  const check = { check: true };
  expect((await select(['app'], check)).budgets).toEqual({ app: budgets });
  expect((await select(['app', 'free', '2'], check)).budgets).toEqual({
    '02-b': { single: { download: '1 MB' } },
    app: budgets,
  });
  expect((await select(['app'])).budgets).toBeUndefined();
  await expect(select(['free'], check)).rejects.toThrow(
    refused(/free.*no budgets, and --check requires some/, /"multi"/),
  );
});

test.each([
  ['{', /app\/compare\.config\.json: .*JSON/],
  ['{"prt": 1}', /Unrecognized key: "prt"/],
  ['{"port": "1"}', /expects a whole number from 1 to 65535\n.*at port/],
  ['{"env": {"1": "x"}}', /expects NAME=value.*\n.*at env/],
  ['{"dockerfiles": ["-x"]}', /expects the name of a file\n.*at dockerfiles\[0\]/],
  ['{"secrets": ["x"]}', /expects id=npmrc,src=.npmrc/],
  ['{"secrets": ["id=x,env=HOME,src=Dockerfile"]}', /expects id=npmrc,src=.npmrc/],
  ['{"secrets": ["id=x,type=env,src=HOME"]}', /expects id=npmrc,src=.npmrc/],
  ['{"budgets": {"nope": {}}}', /there is no app nope/],
  ['{"budgets": {"Dockerfile": {"download": "1% of nope"}}}', /has a limit "of nope", which does not exist/],
  ['{"context": "nope"}', /The build context .*nope is not a directory/],
  ['{"dockerfiles": ["nope"]}', /There is no Dockerfile .*nope/],
  ['{"envFile": "nope"}', /There is no file .*nope for the environment file/],
])('a project with the configuration %s is refused', async (text, message) => {
  await files({ 'work/app/compare.config.json': text });
  await expect(select(['app'])).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
});

test('a configuration file names only what is inside of its project or repository; what is typed may lie anywhere', async () => {
  const outside = join(top, 'outside');
  const inRepository = JSON.stringify({ context: '..', dockerfiles: ['../Dockerfile.single'] });
  await files({
    'outside/Dockerfile': '',
    'repository/02-b/mistake/compare.config.json': inRepository,
    'work/mono/.git/HEAD': '',
    'work/mono/app/compare.config.json': JSON.stringify({ context: '..' }),
    'work/mono/app/Dockerfile': '',
  });
  await symlink(outside, join(current, 'app/link'));
  const configured = [
    { context: '../..' },
    { context: outside },
    { context: 'link' },
    { dockerfiles: ['link/Dockerfile'] },
    { envFile: '../../outside/Dockerfile' },
    { secrets: ['id=x,src=../../outside/Dockerfile'] },
    { secrets: ['id=x,env=HOME'] },
    { secrets: ['id=HOME'] },
  ];
  for (const config of configured) {
    await files({ 'work/app/compare.config.json': JSON.stringify(config) });
    await expect(select(['app'])).rejects.toThrow(
      refused(
        /app\/compare\.config\.json: .* is outside of the directory of the project/,
        /Pass it on the command line instead: --/,
      ),
    );
  }
  expect(await selected(['app'], { given: { secrets: ['id=HOME'] } })).toEqual(['app Dockerfile']);
  await files({ 'work/app/compare.config.json': '{"context": ".."}' });
  expect((await select(['app'], { given: { context: outside } })).subjects).toMatchObject([{ context: outside }]);
  expect((await select(['mono/app'])).subjects).toMatchObject([{ context: join(current, 'mono') }]);
  expect((await select(['02/mistake'])).subjects).toMatchObject([{ context: join(root, '02-b') }]);
});

test('the file of a secret may have any name', () => {
  const [secret = ''] = resolvePaths({ secrets: ['id=x,"src=a, ""b"""'] }, '/p, q').secrets ?? [];
  expect(secret).toBe('id=x,"src=/p, q/a, ""b"""');
  expect(secretFile(secret)).toBe('/p, q/a, "b"');
  expect(secretFile('type=env,id=x,env=Y')).toBeUndefined();
  expect(secretFile('id=x,source=y')).toBe('y');
  expect(mergeSettings({ secrets: ['id=a'] }, { secrets: ['id=b'] }).secrets).toEqual(['id=a', 'id=b']);
});

test('an image may be kept under any name', () => {
  expect(toImageName('02-multi-stage')).toBe('02-multi-stage');
  expect(toImageName('My App')).toMatch(/^my-app-[0-9a-f]{8}$/);
  expect(toImageName('日本')).toMatch(/^x-[0-9a-f]{8}$/);
  expect(toImageName('a/b:c')).not.toBe(toImageName('a-b-c'));
});

test('an image for another platform is refused', () => {
  const check = (platform: string, expected?: string) => () => checkPlatform({ platform }, expected);
  for (const same of [['linux/amd64'], ['linux/arm64/v8', 'linux/arm64'], ['linux/arm64', 'linux/arm64/v8']]) {
    check(...(same as [string]))();
  }
  check('linux/arm/v7', 'linux/arm')();
  expect(check('linux/amd64', 'linux/arm64')).toThrow('was built for linux/amd64, not for linux/arm64');
  expect(check('linux/arm64', 'linux/arm')).toThrow('not for linux/arm.');
});
