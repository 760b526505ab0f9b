import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AT } from './engine-proxy.ts';
import type { Row, Trial } from './trial.ts';

const SERVER =
  "require('http').createServer((q, r) => r.end('x')).listen(3000);\nprocess.on('SIGTERM', process.exit);\n";
const PACKAGE = '{ "name": "x", "scripts": { "start": "node server.js" } }\n';
const LOCK = '{ "lockfileVersion": 3, "packages": {} }\n';
const APP = { 'package.json': PACKAGE, 'package-lock.json': LOCK, 'server.js': SERVER };
const START = PACKAGE.slice(0, -3);

/** A command that is refused. Nothing is written. */
const refused = (name: string, says: string | RegExp, files: Row['files'] = {}, others: Partial<Row> = {}): Row => ({
  name,
  files: { ...APP, ...files },
  command: 'dockerize . --no-verify; code=$?; ls -A; exit $code',
  code: 2,
  says: [says],
  hides: [/^Dockerfile(\.multi)?$/m],
  within: 20,
  ...others,
});

const used = (command: string, says: string | RegExp, files?: Row['files']) =>
  refused(command, says, files, { command });

/** A command that ends well. Each file that it finds stays as it is. */
const done = (name: string, files: Row['files'], others: Partial<Row> = {}): Row => ({
  name,
  files: { ...APP, ...files },
  command: 'dockerize . --no-verify && cat Dockerfile .dockerignore',
  code: 0,
  within: 20,
  ...others,
});

const TOKEN = 'quiet-harbour-token';
/** Ctrl-C a moment after a request to the engine. The files are whole, the old one is kept, and nothing else is left. */
const interrupted = (name: string, at: RegExp, files: Row['files']): Row => ({
  name,
  files: { ...APP, ...files },
  prepare: async (trial) => {
    writeFileSync(join(trial.project, 'Dockerfile'), 'FROM scratch\n');
    await trial.useProxy();
  },
  command:
    'dockerize . --force --port 3000; code=$?; tail -1 Dockerfile; cat Dockerfile.bak; test -s .dockerignore || exit 9; exit $code',
  during: async (trial: Trial) => {
    await trial.until(() => trial.proxy?.requests.some((line) => at.test(line)));
    await sleep(1000);
    trial.signal('SIGINT');
  },
  code: 130,
  within: 8,
  says: ['is not verified'],
});

/** Wrong use of dockerize, and projects that would harm the machine or the image. */
export const DOCKERIZE: Row[] = [
  used('dockerize', "missing required argument 'directory'"),
  used('dockerize . .', 'too many arguments'),
  used('dockerize no-such', 'There is no directory'),
  used('dockerize server.js', 'There is no directory'),
  used('dockerize . --like 05', '--like expects 02, 03 or 04'),
  used('dockerize . --port 0', /--port expects a whole number/),
  used('dockerize . --node 3', /--node expects a whole number/),
  used('dockerize . --workspace nope', 'is not a workspace'),
  used('dockerize . --args "a > b"', 'no shell evaluates it'),
  used(`dockerize . --path "/a'+process.exit(0)+'"`, 'is not a valid path of a URL'),
  used('npm run --silent --prefix "$ROOT" dockerize --force -- .', 'npm took --force for itself'),
  refused('a package.json that is a list', 'it is not an object', { 'package.json': '[]' }),
  refused('a package.json with comments', 'package.json cannot be read: ', { 'package.json': '// x\n{}' }),
  refused(
    'a package.json of 40 MB',
    'no files of more than 32 MB',
    { 'package.json': ' ' },
    { prepare: ({ project }) => writeFileSync(join(project, 'package.json'), Buffer.alloc(40 << 20, ' ')), files: {} },
  ),
  refused(
    'a package.json that is a link that leads out',
    'It reads no links',
    {},
    {
      files: { 'package-lock.json': LOCK, '../victim.json': PACKAGE, 'package.json': { link: '../victim.json' } },
    },
  ),
  refused(
    'a Dockerfile that is a pipe',
    'Dockerfile: it is not a file',
    {},
    {
      command: 'mkfifo Dockerfile; dockerize . --no-verify',
      hides: [],
    },
  ),
  refused('a .dockerignore that is a link that leads out', 'is a link to a file outside', {
    '../victim.txt': 'x\n',
    '.dockerignore': { link: '../victim.txt' },
  }),
  refused('a locked version that is a command', 'cannot be written into a Dockerfile', {
    'package.json': `${START}, "dependencies": { "x": "1" }, "devDependencies": { "ok": "1" } }`,
    'package-lock.json':
      '{ "lockfileVersion": 3, "packages": { "node_modules/ok": { "version": "1; id", "dev": true } } }',
    'server.js': `require('ok');${SERVER}`,
  }),
  refused('a member of a workspace whose path is a command', 'cannot be written into a Dockerfile', {
    'package.json': '{ "workspaces": ["packages/*"] }',
    'packages/a; id/package.json': PACKAGE,
    'packages/a; id/server.js': SERVER,
  }),
  refused(
    'an output that leads out',
    'cannot be written into a Dockerfile',
    {},
    {
      files: {
        'package.json': `${START.replace('node server.js"', 'node ../../dist/index.js", "build": "tsc"')} }`,
        'package-lock.json': LOCK,
        'tsconfig.json': '{ "extends": "../../../etc/hosts", "compilerOptions": { "outDir": "../../dist" } }',
        'src/index.ts': SERVER,
      },
    },
  ),
  done(
    'a name and a written directory that are commands',
    {
      'package.json': `${START}, "name": "a\\" && rm -rf / #\\n$(id)" }`,
      'server.js': `require('fs').mkdirSync('; id #');${SERVER}`,
    },
    {
      command: 'dockerize . --like 04 --no-verify && cat Dockerfile',
      hides: [/^RUN.*; id/m, /^LABEL.*(&&|\$)/m],
      says: ['gets no volume'],
    },
  ),
  done(
    'tokens in the project, and everything is copied',
    {
      '.npmrc': `//r.example/:_authToken=${TOKEN}\n`,
      '.env': `KEY=${TOKEN}\n`,
      'server.js': `require(process.env.X);${SERVER}`,
    },
    { says: [/^\.npmrc$/m, /^\*\*\/\.env$/m, 'COPY . ./'], hides: [TOKEN, /^!/m] },
  ),
  done(
    '--dry-run of which head reads a line',
    {},
    {
      command: 'dockerize . --dry-run | head -1; code=${PIPESTATUS[0]}; ls -A; exit $code',
      hides: [/^Dockerfile$/m],
    },
  ),
  done(
    'a project with 60,000 files, and one that may not be read',
    {},
    {
      prepare: ({ project }) => {
        mkdirSync(join(project, 'data'), { mode: 0o000 });
        mkdirSync(join(project, 'public'));
        for (let index = 0; index < 60_000; index += 1) writeFileSync(join(project, 'public', String(index)), '');
      },
    },
  ),
  done(
    'the chapter whose files are its template',
    {},
    {
      command: 'dockerize "$ROOT/02-multi-stage" --like 02 --no-verify',
      says: [/\/Dockerfile: unchanged[\s\S]*\.dockerignore: unchanged/],
    },
  ),
  {
    name: 'twice at the same time',
    files: APP,
    command: 'dockerize . --no-verify & dockerize . --no-verify; wait $!; tail -1 Dockerfile; ls -A',
    code: 0,
    says: ['CMD ["node", "server.js"]'],
    hides: [/Dockerfile\.\w/],
  },
  {
    name: 'no engine: the files are there, and are not verified',
    files: APP,
    command: 'dockerize .; code=$?; test -s Dockerfile || exit 9; exit $code',
    env: { DOCKER_HOST: 'unix:///no/such' },
    code: 3,
    says: ['DOCKER_HOST=unix:///no/such', 'Dockerfile: written', 'not verified'],
  },
  {
    name: 'a Dockerfile that is a link to a file with a secret: it is no Dockerfile, and is not shown',
    files: { ...APP, '../victim.txt': `${TOKEN}\n`, Dockerfile: { link: '../victim.txt' } },
    command: 'dockerize .',
    code: 0,
    says: ['has no FROM line', 'GET / responds'],
    hides: [TOKEN],
  },
  interrupted('Ctrl-C in the build', AT.build, {
    'package.json': `${START.replace('" }', '", "build": "node slow.js" }')} }`,
    'slow.js': 'setTimeout(() => {}, 50_000);',
  }),
  interrupted('Ctrl-C while the container runs', AT.start, {
    'server.js': "setInterval(() => {}, 1000);\nprocess.on('SIGTERM', process.exit);\n",
  }),
  {
    name: 'values that the app prints before it ends are hidden',
    files: {
      ...APP,
      'server.js': `console.log(process.env.PLACE); process.exit(1); ${SERVER}`,
      settings: `LINE=${TOKEN}\n`,
    },
    command: `dockerize . --env PLACE=${TOKEN} --env-file settings`,
    code: 1,
    says: ['is not verified'],
    hides: [TOKEN],
  },
];
