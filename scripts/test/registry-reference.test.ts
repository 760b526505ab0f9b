import { expect, test } from 'vitest';
import { parseReference } from '../registry/reference.ts';

const DIGEST = `sha256:${'0123456789abcdef'.repeat(4)}`;

test.each([
  ['node', 'docker.io', 'library/node', 'latest', 'node:latest'],
  ['node:26-slim', 'docker.io', 'library/node', '26-slim', 'node:26-slim'],
  ['owner/app', 'docker.io', 'owner/app', 'latest', 'owner/app:latest'],
  ['docker.io/node', 'docker.io', 'library/node', 'latest', 'node:latest'],
  ['index.docker.io/node', 'docker.io', 'library/node', 'latest', 'node:latest'],
  ['docker.io/library/a/b', 'docker.io', 'library/a/b', 'latest', 'library/a/b:latest'],
  ['localhost/app', 'localhost', 'app', 'latest', 'localhost/app:latest'],
  ['localhost:5000/app:1', 'localhost:5000', 'app', '1', 'localhost:5000/app:1'],
  // Without a slash, Docker takes what looks like a port for a tag.
  ['localhost:5000', 'docker.io', 'library/localhost', '5000', 'localhost:5000'],
  ['registry:5000/a/b/c', 'registry:5000', 'a/b/c', 'latest', 'registry:5000/a/b/c:latest'],
  ['ghcr.io/owner/app:V1.2_x', 'ghcr.io', 'owner/app', 'V1.2_x', 'ghcr.io/owner/app:V1.2_x'],
  ['[::1]:5000/app', '[::1]:5000', 'app', 'latest', '[::1]:5000/app:latest'],
  ['Example.COM/a__b/c.d-e--f', 'Example.COM', 'a__b/c.d-e--f', 'latest', 'Example.COM/a__b/c.d-e--f:latest'],
])('%s', (text, host, repository, tag, name) => {
  expect(parseReference(`docker://${text}`)).toEqual({ host, repository, tag, name });
});

test('a digest, with and without a tag', () => {
  expect(parseReference(`docker://node@${DIGEST}`)).toEqual({
    host: 'docker.io',
    repository: 'library/node',
    digest: DIGEST,
    name: `node@${DIGEST}`,
  });
  expect(parseReference(`docker://ghcr.io/a/b:1@${DIGEST}`)).toMatchObject({
    tag: '1',
    digest: DIGEST,
    name: `ghcr.io/a/b:1@${DIGEST}`,
  });
});

test.each([
  'node',
  'docker:node',
  'docker://',
  'docker:///node',
  'docker://node:',
  'docker://Node',
  'docker://Owner/app',
  'docker://owner//app',
  'docker://owner/app/',
  'docker://a___b',
  'docker://-app',
  'docker://app-',
  'docker://node:-1',
  `docker://node:${'a'.repeat(129)}`,
  'docker://node@sha256:123',
  `docker://node@${DIGEST.toUpperCase()}`,
  `docker://node@sha512:${'0'.repeat(128)}`,
  `docker://node@${DIGEST}0`,
  'docker://a..b/app',
  'docker://localhost:99999/app',
  'docker://localhost:x/app',
  'docker://256.1.1.1/app',
  'docker://[::1/app',
  'docker://[:::]/app',
  'docker://user@ghcr.io/app',
  'docker://user:password@ghcr.io/app',
  'docker://ghcr.io/app?x',
  'docker://ghcr.io/app#x',
  'docker://ghcr.io/../app',
  'docker://ghcr.io/app\n',
  'docker://https://ghcr.io/app',
  `docker://${'a'.repeat(256)}`,
])('%j is not an image', (text) => {
  expect(() => parseReference(text)).toThrowError(
    expect.objectContaining({ code: 'usage', message: expect.stringContaining('is not the name of an image') }),
  );
});

test('a long name takes no long time', () => {
  const begin = performance.now();
  expect(() => parseReference(`docker://${'a-'.repeat(50_000)}`)).toThrow();
  expect(() => parseReference(`docker://a.${'a-'.repeat(50_000)}/x`)).toThrow();
  expect(performance.now() - begin).toBeLessThan(500);
});

test('an error does not repeat a password', () => {
  expect(() => parseReference('docker://user:llama-7@ghcr.io/app')).toThrow('docker://user:***@ghcr.io/app is not');
});
