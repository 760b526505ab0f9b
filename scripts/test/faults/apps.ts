import { once } from 'node:events';
import { createServer } from 'node:net';
import { app, GOOD, respond, SERVER } from './row.ts';
import type { Row } from './trial.ts';

const row = (name: string, code: number, says: Row['says'], files: Row['files'], others: Partial<Row> = {}): Row => ({
  name,
  files,
  code,
  says,
  ...others,
});

/** An app that never responds as it should: compare waits as long as it ever does, 30 s. */
const silent = (name: string, says: string, files: Row['files'], others: Partial<Row> = {}) =>
  row(name, 1, [says], files, { within: 100, waits: true, ...others });

/** An app that takes 2 s: so does its first response. */
const late = (name: string, code: string) => row(name, 0, [/ 2\d\d\d ms/], app(code), { alone: true });

const variants = (single: string, multi: string) => ({
  'Dockerfile.single': respond(single),
  'Dockerfile.multi': respond(multi),
});

/** An app that responds with this JavaScript: `r` is the response. */
const answer = (code: string) => app(`createServer((_, r) => { ${code} }).listen(3000)`);

const TLS = app("require('https').createServer({ key: process.env.KEY, cert: process.env.CERT }).listen(3000)");
const NEW_CERTIFICATE =
  'openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -keyout key -out cert 2>/dev/null';
const PRINT_600_MB = "for (let i = 0; i < 600; i++) require('fs').writeSync(1, ('x'.repeat(9999) + '\\n').repeat(100))";

/** What apps do, and what compare says of it. */
export const APPS: Row[] = [
  row('responds', 0, [/app +Dockerfile .*\d+ ms/], { Dockerfile: GOOD }),
  row('ends at once with 0', 1, ['ended with exit code 0 before it responded'], app('')),
  row('ends at once with 1', 1, ['exit code 1', '| I give up'], app("console.log('I give up'); process.exit(1)")),
  row('prints 230 kB on one line and ends', 1, ['xxx'], app("console.log('x'.repeat(230e3)); process.exit(1)"), {
    hides: ['x'.repeat(1000)],
  }),
  row('prints escape sequences and ends', 1, ['gone'], app("console.log('\\x1b[2J\\x07gone'); process.exit(1)")),
  row('requires a variable', 1, ['--env'], app("if (!process.env.A) throw 'A?'")),
  late('listens after 2 s', `setTimeout(() => ${SERVER}, 2000)`),
  late('responds after 2 s', "createServer((_, r) => setTimeout(() => r.end('x'), 2000)).listen(3000)"),
  late(
    'is slow only the first time',
    "let n = 0; createServer((_, r) => setTimeout(() => r.end('x'), n++ ? 0 : 2000)).listen(3000)",
  ),
  row(
    'responds with 503 at first',
    0,
    [],
    app(`let n = 0; ${SERVER.replace('r.end', 'r.writeHead(n++ < 3 ? 503 : 200).end')}`),
  ),
  row('responds with 500', 1, ['status 500, not 200', '| oh'], answer("r.writeHead(500).end('oh')")),
  row(
    'responds with 500, and its log says why',
    1,
    [
      /status 500, not 200\.\n {2}\| Internal error\n {2}\| The container's last lines:\n {2}\| no such table: users\n.*--expect-status/,
    ],
    answer("console.error('no such table: users'); r.writeHead(500).end('Internal error')"),
  ),
  row('responds with 302', 1, ['302', '/login'], answer("r.writeHead(302, { location: '/login' }).end()")),
  row('responds with an empty body', 1, ['empty body'], answer('r.end()')),
  row('responds with 3 MB', 0, [/\d+ ms/], answer("r.end('x'.repeat(3e6))"), { hides: ['xxxxx'] }),
  silent('responds with 503 for ever', '503', answer('r.writeHead(503).end()')),
  silent('never ends its response', 'does not end', answer("setInterval(() => r.write('x'), 100)")),
  silent('accepts a request and says nothing', 'accepts the request', answer('')),
  silent('closes connections', 'closes them without a response', answer('r.destroy()')),
  silent('speaks SMTP', 'not HTTP', app("require('net').createServer((s) => s.end('220 x\\r\\n')).listen(3000)")),
  silent('speaks TLS', 'TLS', TLS, {
    command: `${NEW_CERTIFICATE}; compare . --env KEY="$(cat key)" --env CERT="$(cat cert)"`,
  }),
  silent('listens on localhost only', 'localhost', app(SERVER.replace('3000', "3000, '127.0.0.1'"))),
  silent('listens on another port', '--port', app(SERVER.replace('3000', '8080'))),
  silent('never listens', 'Does the app listen on port 3000', app('setInterval(() => {}, 1000)')),
  row('listens on the port that its image exposes', 0, [], app(SERVER.replace('3000', '8080'), 'EXPOSE 8080\n')),
  row(
    'listens on a port that is taken on this machine',
    0,
    [],
    { Dockerfile: GOOD },
    {
      prepare: async (trial) => {
        const server = createServer().listen(3000, '127.0.0.1');
        trial.cleaners.push(() => server.close());
        await Promise.race([once(server, 'listening'), once(server, 'error')]); // Taken already: as good.
      },
    },
  ),
  row('differs in its variants', 1, ['responds differently from'], variants("r.end('x')", "r.end('y')")),
  row(
    'responds differently each time',
    0,
    ['were not compared'],
    variants('r.end(`${Math.random()}`)', 'r.end(`${Math.random()}`)'),
  ),
  row(
    'ignores SIGTERM: --behaviour',
    0,
    [/MISS.*(SIGTERM|stop)/],
    { Dockerfile: GOOD },
    {
      command: 'compare . --behaviour',
      within: 100,
      waits: true,
    },
  ),
  row('is unhealthy: --strict', 1, [/MISS.*healthy/], app(SERVER, 'HEALTHCHECK --interval=1s CMD exit 1\n'), {
    command: 'compare . --strict',
    within: 100,
    waits: true,
  }),
  row('is not in its image', 1, ['nope'], { Dockerfile: 'FROM scratch\nCOPY Dockerfile /\nCMD ["/nope"]\n' }),
  row('is not a program', 1, [/exec format error/i], {
    Dockerfile: 'FROM scratch\nCOPY --chmod=755 Dockerfile /x\nCMD ["/x"]\n',
  }),
  row('prints 600 MB: --bench', 0, [], app(`${PRINT_600_MB}; ${SERVER}`), {
    command: 'compare . --bench --runs 1',
    within: 150,
    // The engine writes its log as fast as it can: beside other rows, the app takes nearly the 30 s that compare waits.
    alone: true,
  }),
];
