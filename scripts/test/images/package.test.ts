import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { reportSchema } from '../../compare/model/report-schema.ts';

// The package compare-dockerfiles, packed as for the npm registry and installed in a project, far from this repository.

const SCRIPTS = join(import.meta.dirname, '../..');

const SERVER = `require('node:http')
  .createServer((request, response) => {
    response.statusCode = request.url === '/ready' ? 200 : 404;
    response.end('ok');
  })
  .listen(8080);
process.on('SIGTERM', () => process.exit());
`;

/** A project whose image runs as root, which its budget does not allow. */
const PROJECT = {
  Dockerfile: 'FROM node:26-alpine\nCOPY server.cjs /\nCMD ["node", "/server.cjs"]\n',
  '.dockerignore': 'node_modules\n',
  'server.cjs': SERVER,
  'package.json': JSON.stringify({
    name: 'example',
    private: true,
    'compare-dockerfiles': { port: 8080, path: '/ready', budgets: { Dockerfile: { findings: ['runs-as-root'] } } },
  }),
};

let top = '';
let project = '';

/** Runs a program in a directory, without what npm sets for the tests themselves. Never fails. */
function runIn(cwd: string, command: string, args: string[], env: NodeJS.ProcessEnv = {}) {
  const inherited = Object.entries(process.env).filter(([name]) => !/^(npm_|INIT_CWD$|GITHUB_)/i.test(name));
  const options = { cwd, env: { ...Object.fromEntries(inherited), XDG_CACHE_HOME: join(top, 'caches'), ...env } };
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(command, args, options, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

const npx = (args: string[], env?: NodeJS.ProcessEnv) =>
  runIn(project, 'npx', ['--no-install', 'compare-dockerfiles', ...args], env);

/** The files of the project and of what is installed in it. */
const listFiles = async () => (await readdir(project, { recursive: true })).sort();

beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), 'package-'));
  project = join(top, 'example');
  await mkdir(project);
  for (const [name, text] of Object.entries(PROJECT)) await writeFile(join(project, name), text);
  const packed = await runIn(SCRIPTS, 'npm', ['pack', '--json', '--pack-destination', top]);
  expect(packed.code, packed.stderr).toBe(0);
  const tarball = (await readdir(top)).find((name) => name.endsWith('.tgz'));
  const installed = await runIn(project, 'npm', ['install', '--no-audit', '--no-fund', '--save-dev', `../${tarball}`]);
  expect(installed.code, installed.stderr).toBe(0);
});
afterAll(() => rm(top, { recursive: true }));

test('the package has the program, the schemas, the license and its own help as README', async () => {
  const directory = join(project, 'node_modules/compare-dockerfiles');
  expect((await readdir(directory, { recursive: true })).sort()).toEqual([
    'LICENSE',
    'README.md',
    'dist',
    'dist/compare-dockerfiles.js',
    'dist/project.schema.json',
    'dist/report.schema.json',
    'package.json',
  ]);
  const { code, stdout, stderr } = await npx(['--help']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(await readFile(join(directory, 'README.md'), 'utf8')).toContain(stdout.trim());
});

test('npx measures the current directory with its package.json, and writes nothing into it', async () => {
  const before = await listFiles();
  const path = join(top, 'report.json');
  const { code, stdout, stderr } = await npx(['--inside', '--check', '--json', path]);
  expect(stdout, stderr).toMatch(/^example +Dockerfile +node:26-alpine/m);
  expect(stdout).toMatch(/ {2}What a finding means and how to fix it: the same command with --explain CODE$/m);
  expect(stdout).toMatch(/^FAIL {2}example Dockerfile.*, findings: runs-as-root /m);
  expect(code).toBe(1);
  const report = reportSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  expect(report.images).toMatchObject([{ chapter: 'example', variant: 'Dockerfile', ok: true }]);
  expect(await listFiles()).toEqual(before);
  expect(await readdir(join(top, 'caches'))).toContain('compare-dockerfiles');

  // The report is shown where there is no engine.
  const shown = await npx(['--from', '../report.json'], { PATH: dirname(process.execPath) });
  expect(shown.stdout, shown.stderr).toMatch(/^example +Dockerfile +node:26-alpine/m);
  expect(shown.code).toBe(0);
});

test.each([
  [['--insid'], /^unknown option '--insid'\n.*--inside.*\nTry: npx compare-dockerfiles --help\n$/],
  [['02'], /^There is no directory "02"\.\nDirectories are searched for in .*example\.\n$/],
])('wrong use: %j', async (args, message) => {
  const { code, stdout, stderr } = await npx(args);
  expect(stderr).toMatch(message);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
});
