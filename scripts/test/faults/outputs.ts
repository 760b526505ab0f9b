import { cp, mkdir, readdir, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { GOOD, inline, respond, SMALL } from './row.ts';
import type { Row, Trial } from './trial.ts';

/** Copies the tool, without the packages that it requires. */
async function copyTool({ places, directory, env }: Trial): Promise<void> {
  env.ROOT = join(directory, 'tool');
  const filter = (path: string) => !/\/(test|shapes|node_modules)$/.test(path);
  await cp(join(places.root, 'scripts'), join(env.ROOT, 'scripts'), { recursive: true, filter });
}

/** Copies the tool with its packages but not its cache, which is beside them: a row may damage it. */
async function copyToolAndPackages(trial: Trial): Promise<void> {
  await copyTool(trial);
  const from = join(trial.places.root, 'node_modules');
  const to = join(trial.directory, 'tool/node_modules');
  await mkdir(to);
  for (const name of await readdir(from)) if (name !== '.cache') await symlink(join(from, name), join(to, name));
}

const CACHE = '"$ROOT/node_modules/.cache/multi-stage-node"';

/** A command that damages each entry of the cache between two invocations. */
const damaged = (what: string, damage: string): Row => ({
  name: `the cache: ${what}`,
  files: { Dockerfile: SMALL },
  prepare: copyToolAndPackages,
  command: `compare . --no-run && find ${CACHE} -type f | while read -r file; do ${damage}; done && compare . --no-run --inside`,
  code: 0,
  says: [/app +Dockerfile .*\d+ B/],
});

const withGoodApp = (name: string, others: Partial<Row>): Row => ({
  name,
  files: { Dockerfile: GOOD },
  code: 0,
  ...others,
});

const ESCAPE = '\u001b[31mred\u0007';
/** The same in a line of bash. */
const IN_BASH = String.raw`\x1b[31mred\x07`;

/** Where the output goes, what is in it, and what compare keeps between its invocations. */
export const OUTPUTS: Row[] = [
  withGoodApp('standard output on a full disk', { command: 'compare . >/dev/full', code: 1, says: ['no space left'] }),
  withGoodApp('standard error on a full disk', { command: 'compare . 2>/dev/full', says: [/app +Dockerfile/] }),
  // A device of its own, because a tool that replaces what it should write to would take it away from the machine.
  withGoodApp('--json on a full disk', {
    command: 'mknod full c 1 7 || ln -s /dev/full full; compare . --json full',
    code: 1,
    says: [/Cannot write .*full: .*no space left/, /app +Dockerfile/],
  }),
  withGoodApp('--chart on a full disk', {
    command: 'mknod full c 1 7 || ln -s /dev/full full; compare . --chart full',
    code: 1,
    says: [/Cannot write .*full: .*no space left/, /app +Dockerfile/],
  }),
  withGoodApp('--sarif to a directory that cannot be written', {
    command: 'mkdir -m 500 locked; compare . --sarif locked/no/such/x.sarif',
    code: 2,
    says: [/Cannot write .*x\.sarif: /],
  }),
  withGoodApp('--sbom on a full disk', {
    command: 'mknod full c 1 7 || ln -s /dev/full full; compare . --no-run --sbom full',
    code: 1,
    says: [/Cannot write .*full: .*no space left/, /app +Dockerfile/],
  }),
  {
    name: '--sbom of an image that is not built',
    files: { Dockerfile: inline('', 'RUN exit 9\n') },
    command: 'compare . --sbom sbom.json; code=$?; test ! -e sbom.json && exit $code',
    code: 1,
    says: ['exit code: 9', 'Not written, because the image was not measured: sbom.json'],
  },
  {
    name: '--sbom with escape sequences in the name of a package',
    files: {
      Dockerfile: 'FROM scratch\nCOPY package.json /app/node_modules/x/\nCMD ["x"]\n',
      'package.json': JSON.stringify({ name: ESCAPE, version: ESCAPE }),
    },
    command: 'compare . --no-run --sbom - | node -p "JSON.parse(fs.readFileSync(0)).components.length"',
    code: 0,
    says: [/^1$/m],
  },
  withGoodApp('outputs of a step that cannot be written', {
    command: 'compare . --github',
    env: { GITHUB_OUTPUT: '/dev' },
    says: ["Not added to the step's outputs"],
  }),
  {
    name: 'workflow commands in what the builder and a container print',
    files: { Dockerfile: inline('', `RUN printf '::add-mask::a\\n##[error]b\\n' && exit 9\n`) },
    env: { GITHUB_ACTIONS: 'true' },
    code: 1,
    says: ['exit code: 9'],
    hides: [/^\s*::/m, '##['],
  },
  withGoodApp('--json to a pipe', {
    command:
      'mkfifo pipe; cat pipe >copy & compare . --json pipe && test -p pipe && node -p "JSON.parse(fs.readFileSync(\'copy\')).images"',
  }),
  withGoodApp('a step summary that cannot be written', {
    env: { GITHUB_STEP_SUMMARY: '/dev' },
    says: ['Not added to the step summary'],
  }),
  withGoodApp('a temporary directory that does not exist', {
    command: 'TMPDIR="$PWD/no/such" compare .',
    code: 1,
    says: ['temporary files', 'TMPDIR'],
  }),
  withGoodApp('the output through head -1', { command: 'compare . | head -1', says: ['variant'] }),
  withGoodApp('both outputs through head -2', { command: 'compare . 2>&1 | head -2', code: 141 }),
  withGoodApp('standard error closes early', { command: 'compare . 2> >(head -1 >&2)', code: 141 }),
  withGoodApp('standard output is closed', { command: 'compare . >&-' }),
  withGoodApp('standard error is closed', { command: 'compare . 2>&-' }),
  withGoodApp('--quiet prints nothing', { command: 'compare . --quiet', hides: [/./] }),
  withGoodApp('--json - prints JSON and nothing else', {
    command: 'compare . --json - | node -e "JSON.parse(fs.readFileSync(0))"',
  }),
  withGoodApp('a budget that is exceeded', {
    files: { Dockerfile: GOOD, 'compare.config.json': '{ "budgets": { "Dockerfile": { "findings": ["warning"] } } }' },
    command: 'compare . --check',
    code: 1,
    says: [/^FAIL .*findings/m],
  }),
  withGoodApp('two invocations at once', { command: 'compare . & compare . && wait $!', alone: true }),
  withGoodApp('six invocations at once', {
    command:
      'pids=(); for n in 1 2 3 4 5 6; do compare . --quiet & pids+=($!); done; for pid in "${pids[@]}"; do wait "$pid" || exit; done',
    alone: true,
  }),
  damaged('entries that are cut off', 'truncate -s 20 "$file"'),
  damaged('entries with other JSON', 'echo \'{"files": 1}\' >"$file"'),
  damaged('entries that are directories', 'rm "$file"; mkdir "$file"'),
  {
    ...damaged('a file instead of its directory', ''),
    command: `mkdir "$ROOT/node_modules/.cache"; touch ${CACHE}; compare . --no-run`,
  },
  {
    name: 'the packages of this repository are not installed',
    prepare: copyTool,
    code: 1,
    says: ['npm run setup'],
  },
  // What a project's author, or an image, can put into names and texts. No row lets a control character through.
  {
    name: 'escape sequences in the name of a directory',
    files: { [`${ESCAPE}/Dockerfile`]: 'RUN x\n' },
    command: `compare $'${IN_BASH}' --inside`,
    code: 1,
    says: ['has no FROM'],
  },
  {
    name: 'escape sequences in the name of a directory that does not exist, with DOCKER_HOST: hints fit',
    command: `compare $'${IN_BASH} timeout no such host'`,
    env: { DOCKER_HOST: 'unix:///no/such' },
    code: 2,
    hides: ['registry'],
  },
  {
    name: 'escape sequences in the name of a directory whose build fails: no hint about registries',
    files: { [`${ESCAPE} no such host/Dockerfile`]: 'FROM scratch\nCOPY nope /\n' },
    command: `compare $'${IN_BASH} no such host'`,
    code: 1,
    hides: ['A registry could not be reached'],
  },
  {
    name: 'escape sequences in the name of a Dockerfile',
    files: { [`Dockerfile.${ESCAPE}`]: 'RUN x\n', Dockerfile: GOOD },
    command: 'compare . --json out.json --markdown out.md --inside',
    code: 1,
    hides: [ESCAPE],
  },
  {
    name: 'escape sequences in a key of the config',
    files: { Dockerfile: GOOD, 'compare.config.json': JSON.stringify({ [ESCAPE]: 1 }) },
    code: 2,
  },
  {
    name: 'escape sequences in the builder’s lines',
    files: { Dockerfile: inline('', `RUN printf '\\033[2J\\033]0;x\\007gone\\n' && exit 9\n`) },
    code: 1,
    says: ['gone', 'exit code: 9'],
  },
  {
    name: 'escape sequences in an instruction, a label and a variable',
    files: { Dockerfile: respond("r.end('x')", `LABEL a="${ESCAPE}"\nENV B="${ESCAPE}"\nRUN echo "${ESCAPE}"\n`) },
    command: 'compare . --inside',
    code: 0,
  },
  {
    name: 'escape sequences in the names of an image’s files',
    files: { Dockerfile: inline('', 'RUN head -c 3000000 /dev/zero >"$(printf \'/\\033[31mred\\007\')"\n') },
    command: 'compare . --no-run --inside',
    code: 0,
    says: ['3 MB'],
  },
  {
    name: 'escape sequences in a response that differs',
    files: { 'Dockerfile.single': respond("r.end('\\x1b[31ma')"), 'Dockerfile.multi': respond("r.end('\\x1b[31mb')") },
    code: 1,
    says: ['responds differently from'],
  },
];
