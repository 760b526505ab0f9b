import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { baseImagesOf } from '../compare/discover/chapters.ts';
import { findSubjects } from '../compare/discover/project.ts';
import { mergeSettings } from '../compare/model/settings.ts';
import { throwClassified } from '../engine/engine-errors.ts';
import { ToolError } from '../lib/errors.ts';
import { registryOf } from '../setup/base-images.ts';
import { recipeFor } from '../setup/stand-ins.ts';

test('the base images that have a stand-in', () => {
  expect(recipeFor('node:26')).toEqual({ target: 'node', major: '26' });
  expect(recipeFor('docker.io/library/node:24-slim')).toEqual({ target: 'node-slim', major: '24' });
  expect(recipeFor('node:26-alpine')).toEqual({ target: 'node-alpine', major: '26' });
  expect(recipeFor('gcr.io/distroless/nodejs26-debian13:nonroot')).toEqual({ target: 'distroless', major: '26' });
  expect(recipeFor('debian:trixie-slim')).toEqual({ target: 'debian-slim', major: '' });
  for (const other of ['node', 'node:26.1.0', 'node:26-alpine3.24', 'debian:13', 'example.com/node:26']) {
    expect(recipeFor(other)).toBeNull();
  }
});

test('the base images of a project have the values of its build arguments', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'bases-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'Dockerfile'), 'ARG BASE\nFROM ${BASE}\n');
  const settings = mergeSettings({ buildArgs: { BASE: 'node:26' } });
  expect(await baseImagesOf(await findSubjects('x', directory, {}, settings))).toEqual(['node:26']);
});

test('the registry of an image name', () => {
  expect(registryOf('node:26')).toBe('docker.io');
  expect(registryOf('someone/app')).toBe('docker.io');
  expect(registryOf('gcr.io/distroless/nodejs26-debian13:nonroot')).toBe('gcr.io');
  expect(registryOf('localhost:5000/app')).toBe('localhost:5000');
});

test.each([
  ['dial tcp: lookup registry.example on 10.0.0.1:53: no such host', true],
  ['net/http: request canceled while waiting for connection (Client.Timeout exceeded while awaiting headers)', true],
  ['dial tcp 10.0.0.1:443: connect: connection refused', true],
  ['x509: certificate signed by unknown authority', true],
  ['toomanyrequests: You have reached your pull rate limit', false],
  ['pull access denied for nope, repository does not exist or may require docker login', false],
  ['manifest for node:99 not found: manifest unknown', false],
])('%s: unreachable is %s', (line, unreachable) => {
  const error = new ToolError('docker pull failed:', { code: 'program-failed', lines: [line] });
  const code = unreachable ? 'registry-unreachable' : 'program-failed';
  expect(classify(error)).toMatchObject({ code, message: error.message, lines: [line] });
});

test('only an error of the command line is classified', () => {
  for (const error of [new Error('no such host'), new ToolError('x', { lines: ['no such host'] })]) {
    expect(classify(error)).toBe(error);
  }
});

test.each([
  ['no-such', /^There is no chapter and no directory "no-such"\.\n/],
  ['start.mjs', /^"start\.mjs" is a file, not a directory\.\n/],
  ['lib', /^There is no Dockerfile in .*scripts\/lib\.\n/],
])('setup refuses to provide the base images of %s', async (name, message) => {
  const scripts = join(import.meta.dirname, '..');
  // It looks before it starts anything: the PATH has no engine.
  const env = { ...process.env, INIT_CWD: scripts, PATH: '' };
  const result = await new Promise((resolve) => {
    const child = execFile(process.execPath, ['start.mjs', 'setup', name], { cwd: scripts, env }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
  expect(result).toEqual({ code: 2, stdout: '', stderr: expect.stringMatching(message) });
});

/** What `throwClassified` throws. */
function classify(error: unknown): unknown {
  try {
    return throwClassified(error);
  } catch (classified) {
    return classified;
  }
}
