import { inline, respond, SERVER } from './row.ts';
import type { Row } from './trial.ts';

// Values without a pattern that could be recognized: only because compare was given them, it can know that they are secret.
const GIVEN = {
  ARGUMENT: 'quiet-harbour-argument',
  VARIABLE: 'quiet-harbour-variable',
  LINE: 'quiet-harbour-line of a file',
  CONTENT: 'quiet-harbour-content',
  SECRET: 'quiet-harbour-secret',
};
const OPTIONS = [
  `--build-arg PLAIN=${GIVEN.ARGUMENT} --env PLACE=${GIVEN.VARIABLE} --env-file settings`,
  '--secret id=content,src=content --secret id=secret,env=SECRET --json out.json --markdown out.md',
].join(' ');

const row = (name: string, code: number, says: Row['says'], files: Row['files'], others: Partial<Row> = {}): Row => ({
  name,
  files: { settings: `LINE=${GIVEN.LINE}\n`, content: `${GIVEN.CONTENT}\n`, ...files },
  command: `compare . ${OPTIONS} --inside`,
  env: { SECRET: GIVEN.SECRET },
  code,
  says,
  hides: Object.values(GIVEN),
  ...others,
});

/** An app that is built with these lines, or that runs this code. */
const built = (lines: string) => ({ Dockerfile: inline(SERVER, `ARG PLAIN\n${lines}\n`) });
const run = (code: string) => ({ Dockerfile: inline(code) });

const MOUNT = 'RUN --mount=type=secret,id=content --mount=type=secret,id=secret';
const READ = `${MOUNT} cat /run/secrets/content /run/secrets/secret`;
const COPY = 'cp "/$PLAIN" "/$(cat /run/secrets/content)"';
const VARIABLES = "Object.entries(process.env).join(' ')";

/** Values that compare was given. None may be in anything that it prints or writes. */
export const SECRETS: Row[] = [
  row('that a build prints', 0, [], built(`${READ} && echo $PLAIN`)),
  row('that a build prints before it fails', 1, ['exit code: 5'], built(`${READ} && echo $PLAIN && exit 5`)),
  row('in a label, a variable and an instruction', 0, [], built('LABEL a=$PLAIN\nENV B=$PLAIN\nRUN echo $PLAIN >/b')),
  row('in the names of files', 0, ['3 MB'], built(`${MOUNT} head -c 3000000 /dev/zero >"/$PLAIN" && ${COPY}`)),
  row('that an app prints before it ends', 1, ['code 1'], run(`console.log(${VARIABLES}); process.exit(1)`)),
  row('that an app responds with', 1, ['status 500'], { Dockerfile: respond(`r.writeHead(500).end(${VARIABLES})`) }),
  row('in a Location header', 1, ['302'], {
    Dockerfile: respond("r.writeHead(302, { location: '/?' + process.env.PLACE }).end()"),
  }),
  row('in responses that differ', 1, ['responds differently from'], {
    'Dockerfile.single': respond("r.end('single ' + process.env.PLACE)"),
    'Dockerfile.multi': respond("r.end('multi ' + process.env.LINE)"),
  }),
  row('in an error about an option', 2, ['--port'], built(''), {
    command: `compare . ${OPTIONS} --port ${GIVEN.ARGUMENT}`,
    hides: [GIVEN.CONTENT, GIVEN.SECRET],
  }),
  row('in the name of a base image', 1, [], { Dockerfile: 'ARG PLAIN\nFROM registry.invalid/$PLAIN\n' }),
];
