import { expect, test } from 'vitest';
import { buildArguments, instructionText } from '../compare/inspect/instruction.ts';
import { describeError, ToolError } from '../lib/errors.ts';
import { looksSecret, redact } from '../lib/redact.ts';

test.each([
  ['COPY . . # buildkit', 'COPY . .'],
  ['RUN |1 V=1 /bin/sh -c npm ci # buildkit', 'RUN npm ci'],
  ['|2 V=1 W=2 /bin/sh -c npm ci', 'RUN npm ci'],
  ['/bin/sh -c npm ci', 'RUN npm ci'],
  ['/bin/sh -c #(nop)  CMD ["node"]', 'CMD ["node"]'],
  ['', null],
])('%s', (createdBy, text) => expect(instructionText(createdBy)).toBe(text));

// These only have the form of tokens. Concatenated here, so that no scanner takes them for real tokens.
const NPM = `npm_${'a1'.repeat(18)}`;
const AWS = `AKIA${'ABCD'.repeat(4)}`;

test.each([
  [`RUN echo "//registry/:_authToken=${NPM}" > .npmrc`, 'RUN echo "//registry/:_authToken=***" > .npmrc'],
  ['RUN DB_PASSWORD=hunter2 npm ci', 'RUN DB_PASSWORD=*** npm ci'],
  ['RUN npm config set _auth = c2VjcmV0', 'RUN npm config set _auth = ***'],
  ['RUN curl https://me:hunter2@example.com/x', 'RUN curl https://me:***@example.com/x'],
  [`RUN deploy ${AWS}`, 'RUN deploy ***'],
  ['RUN API_KEY="a b" x', 'RUN API_KEY=*** x'],
  ["RUN curl -H 'Authorization: Bearer zq7secret' x", "RUN curl -H 'Authorization: Bearer ***' x"],
  ['RUN deploy --token hunter2 --dry', 'RUN deploy --token *** --dry'],
  ['RUN echo "npmAuthToken: abc123" > x', 'RUN echo "npmAuthToken: ***" > x'],
  ['RUN echo \'{"auth":"dXNlcjpwdw=="}\' > x', 'RUN echo \'{"auth":***}\' > x'],
  [`RUN printf '-----BEGIN ${'PRIVATE'} KEY-----\\nMIIE' > k`, `RUN printf '-----BEGIN ${'PRIVATE'} KEY-----***`],
  [
    'RUN printf "aws_access_key_id=a\\naws_secret_access_key=abc"',
    'RUN printf "aws_access_key_id=a\\naws_secret_access_key=***"',
  ],
  ['RUN echo error: DB_PASSWORD=hunter2 x', 'RUN echo error: DB_PASSWORD=*** x'],
  ['RUN echo a: b=c: token: hunter2', 'RUN echo a: b=c: token: ***'],
  ['RUN --mount=type=secret,id=npm_token npm ci', 'RUN --mount=type=secret,id=npm_token npm ci'],
  [
    'RUN --mount=type=secret,id=token,target=/root/.npmrc npm ci',
    'RUN --mount=type=secret,id=token,target=/root/.npmrc npm ci',
  ],
  ['RUN npm ci --omit=dev && npm cache clean --force', 'RUN npm ci --omit=dev && npm cache clean --force'],
  ['RUN NODE_ENV=production npm ci', 'RUN NODE_ENV=production npm ci'],
  ['RUN TOKEN=$(cat /run/secrets/token) npm ci', 'RUN TOKEN=$(cat /run/secrets/token) npm ci'],
])('%s is redacted to %s', (text, redacted) => expect(redact(text)).toBe(redacted));

test.each(['a-', 'a:', 'a=', 'a: ', 'a="', '--a '])('a text of nothing but %j is redacted in no long time', (part) => {
  const begin = performance.now();
  redact(part.repeat(20_000));
  expect(performance.now() - begin).toBeLessThan(1000);
});

test.each([
  ['NPM_TOKEN', 'x', true],
  ['token', 'x', true],
  ['AWS_SECRET_ACCESS_KEY', 'x', true],
  ['DB_PASSWORD', 'x', true],
  ['SECRET_KEY_BASE', 'x', true],
  ['DATABASE_URL', 'postgres://me:pw@db/x', true],
  ['SETTING', NPM, true],
  ['NPM_TOKEN', '', false],
  ['NPM_TOKEN', '$OTHER', false],
  ['DB_PASSWORD_FILE', '/run/secrets/db', false],
  ['PWD', '/app', false],
  ['NODE_VERSION', '26.10.0', false],
  ['PATH', '/usr/bin', false],
  ['DATABASE_URL', 'postgres://db/x', false],
])('%s=%s looks secret: %s', (name, value, secret) => expect(looksSecret(name, value)).toBe(secret));

test.each([
  ['RUN |2 A=1 NPM_TOKEN=x /bin/sh -c npm ci # buildkit', ['A', 'NPM_TOKEN']],
  ['|1 NPM_TOKEN=x /bin/sh -c npm ci', ['NPM_TOKEN']],
  ['ARG NPM_TOKEN=x', ['NPM_TOKEN']],
  ['/bin/sh -c #(nop)  ARG NPM_TOKEN=x', ['NPM_TOKEN']],
  ['ARG NPM_TOKEN', []],
  ['RUN /bin/sh -c A=1 npm ci # buildkit', []],
  ['ENV A=1', []],
])('the build arguments of %s', (createdBy, names) => {
  expect(buildArguments(createdBy).map(({ name }) => name)).toEqual(names);
});

test('a secret at the end of the kept text, and a key of several lines', () => {
  const kept = instructionText(`RUN ${'x'.repeat(1980)} ${NPM}`);
  expect(kept).not.toContain('npm_');
  const key = instructionText(`RUN cat > k <<E\n-----BEGIN ${'PRIVATE'} KEY-----\nMIIEabc\nMIIEdef\nE`);
  expect(key).not.toContain('MIIE');
});

test('a text of any length and content is redacted quickly', () => {
  for (const piece of ['a', '_', 'eyJ', '://', 'x=', '"', ' = ', '-token']) {
    expect(instructionText(piece.repeat(200_000))?.length).toBeLessThan(10_000);
  }
});

test("a program's last lines are printed without secrets", () => {
  const error = new ToolError('docker build failed:', { lines: ['RUN NPM_TOKEN=hunter2 npm ci', 'exit code: 1'] });
  expect(describeError(error)).toBe('docker build failed:\n  | RUN NPM_TOKEN=*** npm ci\n  | exit code: 1');
});
