import { TINY } from './row.ts';
import type { Row } from './trial.ts';

const config = (text: string) => ({ Dockerfile: TINY, 'compare.config.json': text });
const twoVariants = { 'Dockerfile.single': TINY, 'Dockerfile.multi': TINY };

/** A row about a command that is refused before anything is built. */
const refused = (command: string, says: string | RegExp, files: Row['files'] = { Dockerfile: TINY }): Row => ({
  name: command,
  files,
  command,
  code: 2,
  says: [says],
  within: 20,
});

/** Command lines and files that are refused before anything is built, and commands that need no engine. */
export const WRONG_USE: Row[] = [
  refused('compare . --jsn x', /unknown option '--jsn'\n\(Did you mean --json\?\)/),
  refused('compare 77', /There is no chapter and no directory "77"/),
  refused('compare Dockerfile', 'is a file, not a directory'),
  refused('compare empty', 'There is no Dockerfile in', { 'empty/x': '' }),
  refused('compare . --dockerfile no-such', 'There is no Dockerfile'),
  refused('compare . --engine lxc', '--engine expects docker or podman'),
  refused('compare . --engine podman --builder x', '--builder is for Docker'),
  refused('compare . --publish everywhere', '--publish expects an IP address'),
  refused('compare . --jobs 0', /--jobs.*whole number/),
  refused('compare . --json - --markdown -', 'only one of --json and --markdown'),
  refused('compare . --json /no/such/directory/x', 'its directory does not exist'),
  refused('compare . --secret id=x,src=no-such', /There is no file .*no-such for the secret/),
  refused('compare . --env-file no-such', /There is no file .*no-such for the environment file/),
  refused('compare --image ./no-such.tar', 'There is no file or directory ./no-such.tar'),
  refused('compare --image docker://UPPER/case', 'docker://UPPER/case'),
  refused('compare --diff node:26', '--diff expects two images'),
  refused('compare . --sbom x', /--sbom describes one image, .*there are 2/, twoVariants),
  refused('compare . --sbom no/such/x', 'its directory does not exist'),
  refused('compare . --sbom x --json x', '--json and --sbom expect two different files'),
  refused('compare --from "$ROOT/scripts/test/golden/report.json" --sbom x', 'The report has no list of packages'),
  refused('compare . --check', 'there are no budgets'),
  refused('npm run --silent --prefix "$ROOT" compare --keep -- .', 'npm took --keep for itself'),
  refused('compare --from Dockerfile', 'it is not JSON'),
  refused('compare --from "$ROOT/package.json"', 'not a report of this version'),
  refused('compare --from - </dev/null', 'it is not JSON'),
  refused('head -c 3000 "$ROOT/scripts/test/golden/report.json" | compare --from -', 'it is not JSON'),
  refused('compare . --baseline Dockerfile', 'Cannot read the report'),
  { ...refused('compare .', 'compare.config.json: ', config('{ "port": 3000,, }')), name: 'config: not JSON' },
  { ...refused('compare .', 'compare.config.json: ', config('')), name: 'config: an empty file' },
  { ...refused('compare .', 'prot', config('{ "prot": 3000 }')), name: 'config: an unknown key' },
  {
    ...refused('compare . --check', 'there is no', {
      ...twoVariants,
      'compare.config.json': '{ "budgets": { "mutli": { "unpacked": "1 MB" } } }',
    }),
    name: 'config: the budget of a variant that does not exist',
  },
  {
    ...refused('compare .', 'compare.config.json: ', { Dockerfile: TINY, 'compare.config.json/x': '' }),
    name: 'config: a directory',
  },
  {
    name: 'the exit codes in --help',
    command: 'compare --help',
    code: 0,
    says: [/\b129, 130, 143\b/, /\n {2}3 /],
  },
  {
    name: 'a report is shown on a machine without Docker',
    command: 'compare --from "$ROOT/scripts/test/golden/report.json"',
    env: { PATH: '/usr/sbin' },
    code: 1,
    says: ['FAILED 02-multi-stage broken'],
  },
];
