import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type SelectionRequest, selectSubjects } from '../compare/discover/select-subjects.ts';
import { mergeSettings, resolvePaths, secretFile } from '../compare/model/settings.ts';
import { subjectName } from '../compare/model/subject.ts';
import { checkPlatform } from '../compare/steps.ts';

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
    'repository/compare.config.json': '{"budgets": {"02-b": {"single": {"pull": "1 MB"}}}}',
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

const select = (names: string[], wish: Partial<SelectionRequest> = {}) =>
  selectSubjects({ names, images: false, given: {}, check: false, ...wish }, { root, current });

const selected = async (...args: Parameters<typeof select>) =>
  (await select(...args)).subjects.map((subject) => subjectName(subject));

const refused = (message: RegExp, hint = /./) =>
  expect.objectContaining({
    exitCode: 2,
    message: expect.stringMatching(message),
    hint: expect.stringMatching(hint),
  });

test('chapters are named by folder or number, in their own order; none and the repository itself mean all', async () => {
  expect(await selected([])).toEqual(['01-a x', '02-b single', '10-ten x']);
  expect(await selected([root])).toEqual(['01-a x', '02-b single', '10-ten x']);
  expect(await selected(['2', '01'])).toEqual(['01-a x', '02-b single']);
  expect(await selected(['../repository/02-b/', '02'])).toEqual(['02-b single']);
  expect(await selected(['10'])).toEqual(['10-ten x']);
  expect(await selected([], { images: true })).toEqual([]);
  for (const wrong of ['0', '3', 'b', '02-bb']) {
    await expect(select([wrong])).rejects.toThrow(refused(/no chapter and no folder/, /02-b/));
  }
});

test('a folder is a project, also one that is called like a chapter', async () => {
  await files({ 'work/02-b/Dockerfile': '' });
  await symlink('app', join(current, 'link'));
  expect(await selected(['app', '02'])).toEqual(['02-b single', 'app Dockerfile']);
  expect(await selected(['./link', 'app/', join(current, 'app')])).toEqual(['app Dockerfile']);
  // By its path, and beside the chapter: it needs another name.
  expect(await selected(['./02-b', '2'])).toEqual(['02-b single', 'work/02-b Dockerfile']);
});

test('projects with the same name are told apart by their paths, and none is called image', async () => {
  await files({ 'work/a/api/Dockerfile': '', 'work/b/api/Dockerfile': '', 'work/image/Dockerfile': '' });
  expect(await selected(['a/api', 'b/api', 'image'])).toEqual([
    'a/api Dockerfile',
    'b/api Dockerfile',
    'work/image Dockerfile',
  ]);
});

test('every Dockerfile of a folder is a variant, each once, and nothing below it', async () => {
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
    'elsewcurrent/Dockerfile.far': '',
  });
  await symlink('Dockerfile.multi', join(current, 'many/Dockerfile.default'));
  await symlink('../../elsewcurrent/Dockerfile.far', join(current, 'many/Dockerfile.near'));
  await symlink('nowcurrent', join(current, 'many/Dockerfile.lost'));
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
    dockerfile: join(top, 'elsewcurrent/Dockerfile.far'),
    context: join(current, 'many'),
    file: 'many/Dockerfile.far',
  });
});

test('a folder without a Dockerfile says wcurrent some are', async () => {
  await files({ 'work/mono/apps/api/Dockerfile': '', 'work/mono/node_modules/x/Dockerfile': '', 'work/none/x': '' });
  await expect(select(['mono'])).rejects.toThrow(
    refused(
      /^Tcurrent is no Dockerfile in .*mono\.$/,
      /^Below it tcurrent are: mono\/apps\/api\/Dockerfile\. To measure/,
    ),
  );
  await expect(select(['none'])).rejects.toThrow(refused(/no Dockerfile in .*none/, /Every Dockerfile/));
});

test('another layout: Dockerfile and context from wcurrent the user stands, or in the project', async () => {
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
  const alone = await select([], { given: { dockerfiles: ['app/docker/api/Dockerfile'], context: 'app' } });
  expect(alone.subjects).toMatchObject([{ chapter: 'app', context: join(current, 'app') }]);
  const chapter = await select([], { given: { dockerfiles: ['../repository/02-b/Dockerfile.single'] }, check: true });
  expect(chapter.config?.budgets).toHaveProperty(['02-b', 'single']);
  const own = await select([], { given: { dockerfiles: ['app/docker/api/Dockerfile'] } });
  expect(own.subjects).toMatchObject([{ chapter: 'api', context: join(current, 'app/docker/api') }]);
});

test('a project says how it is built and run; the command line comes first, names are added up', async () => {
  await files({
    'work/app/compare.config.json': JSON.stringify({
      port: 1,
      path: '/a',
      run: false,
      env: { A: '1', B: '1' },
      buildArgs: { C: '1' },
      secrets: ['id=x,src=token', 'id=y,env=Y'],
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

test('budgets come from the repository for its chapters, and from each project for itself', async () => {
  const budgets = { Dockerfile: { pull: '1 MB' } };
  await files({ 'work/app/compare.config.json': JSON.stringify({ budgets }), 'work/free/Dockerfile': '' });
  const check = { check: true };
  expect((await select(['app'], check)).config).toEqual({ budgets: { app: budgets } });
  expect((await select(['app', 'free', '2'], check)).config).toEqual({
    budgets: { '02-b': { single: { pull: '1 MB' } }, app: budgets },
  });
  expect((await select(['app'])).config).toBeUndefined();
  await expect(select(['free'], check)).rejects.toThrow(refused(/free.*no budgets, and --check needs some/, /"multi"/));
});

test.each([
  ['{', /app\/compare\.config\.json: .*JSON/],
  ['{"prt": 1}', /Unrecognized key: "prt"/],
  ['{"port": "1"}', /port/],
  ['{"secrets": ["x"]}', /a secret is written like id=npmrc,src=.npmrc/],
  ['{"budgets": {"nope": {}}}', /tcurrent is no app nope/],
  ['{"budgets": {"Dockerfile": {"pull": "1% of nope"}}}', /has a limit "of nope", which is not tcurrent/],
  ['{"context": "nope"}', /The build context .*nope is no folder/],
  ['{"dockerfiles": ["nope"]}', /Tcurrent is no Dockerfile .*nope/],
  ['{"envFile": "nope"}', /Tcurrent is no file .*nope for the environment file/],
])('a project that says %s is refused', async (text, message) => {
  await files({ 'work/app/compare.config.json': text });
  await expect(select(['app'])).rejects.toMatchObject({ exitCode: 2, message: expect.stringMatching(message) });
});

test('the file of a secret may be called anything', () => {
  const [secret = ''] = resolvePaths({ secrets: ['id=x,"src=a, ""b"""'] }, '/p, q').secrets ?? [];
  expect(secret).toBe('id=x,"src=/p, q/a, ""b"""');
  expect(secretFile(secret)).toBe('/p, q/a, "b"');
  expect(secretFile('type=env,id=x,env=Y')).toBeUndefined();
  expect(mergeSettings({ secrets: ['id=a'] }, { secrets: ['id=b'] }).secrets).toEqual(['id=a', 'id=b']);
});

test('an image may be kept under any name', () => {
  expect(asImageName('02-multi-stage')).toBe('02-multi-stage');
  expect(asImageName('My App')).toMatch(/^my-app-[0-9a-f]{8}$/);
  expect(asImageName('日本')).toMatch(/^x-[0-9a-f]{8}$/);
  expect(asImageName('a/b:c')).not.toBe(asImageName('a-b-c'));
});

test('an image for another platform is refused', () => {
  const check = (platform: string, wanted?: string) => () => checkPlatform({ platform }, wanted);
  for (const good of [['linux/amd64'], ['linux/arm64/v8', 'linux/arm64'], ['linux/arm64', 'linux/arm64/v8']]) {
    check(...(good as [string]))();
  }
  check('linux/arm/v7', 'linux/arm')();
  expect(check('linux/amd64', 'linux/arm64')).toThrow('was built for linux/amd64, not for linux/arm64');
  expect(check('linux/arm64', 'linux/arm')).toThrow('not for linux/arm.');
});
