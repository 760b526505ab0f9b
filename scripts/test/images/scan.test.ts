import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { type Report, reportSchema } from '../../compare/model/report-schema.ts';
import { print, trivyReport, writeScanner } from '../scanner-program.ts';
import { Bench, docker, startProgram } from './test-engine.ts';

// Programs of this test take the place of the scanners. What they are given is really the image.

const bench = new Bench();
let directory = '';
let temporary = '';
let id = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'scan-'));
  temporary = join(directory, 'tmp');
  await mkdir(temporary);
  const context = join(directory, 'context');
  await mkdir(context);
  await writeFile(join(context, 'Dockerfile'), 'FROM scratch\nCOPY a /\nCOPY b /\nCMD ["/x"]\n');
  await writeFile(join(context, 'a'), 'a'.repeat(5000));
  await writeFile(join(context, 'b'), bench.id);
  id = await bench.build(context, 'Dockerfile');
  await docker('save', '--output', join(directory, 'app.tar'), id);
});
afterAll(async () => {
  await bench.cleanUp();
  await rm(directory, { recursive: true });
});

/** Starts compare with the image at the engine and in an archive, and a program that does this as trivy. */
async function start(code: string, ...args: string[]) {
  const path = await writeScanner(join(directory, 'programs'), 'trivy', code);
  const env = { PATH: path, TMPDIR: temporary, INIT_CWD: directory };
  const named = ['--image', id, '--image', './app.tar', '--scan', 'trivy', ...args];
  return startProgram('compare', named, env);
}

async function scans(code: string): Promise<Report['images'][number]['scan'][]> {
  const { code: exitCode, stdout, stderr } = await (await start(code, '--json', '-')).ended;
  expect(exitCode, stderr).toBe(0);
  expect(await readdir(temporary)).toEqual([]);
  return reportSchema.parse(JSON.parse(stdout)).images.map(({ scan }) => scan);
}

/** Hashes the layers of an archive: their digests say which image it is. */
const READ = `
const { execFileSync } = require('node:child_process');
const { createHash } = require('node:crypto');
const { gunzipSync } = require('node:zlib');
const read = (name) => execFileSync('tar', ['-xOf', process.argv[2], name]);
const [{ Layers, Config }] = JSON.parse(read('manifest.json'));
JSON.parse(read(Config));
const tars = Layers.map(read).map((layer) => (layer[0] === 0x1f ? gunzipSync(layer) : layer));
const DiffIDs = tars.map((layer) => 'sha256:' + createHash('sha256').update(layer).digest('hex'));
console.log(JSON.stringify({ SchemaVersion: 2, Metadata: { DiffIDs }, Results: [] }));
`;

test('the archive that a scanner is given is the image; compare checks that it has read this one', async () => {
  await writeFile(join(directory, 'read.cjs'), READ);
  const [saved, file] = await scans(`exec '${process.execPath}' '${directory}/read.cjs' "$FILE"`);
  expect(saved).toMatchObject({ version: '0.74.0', database: '2026-11-20T06:13:37.120Z', fixable: 0, reason: null });
  expect(file).toEqual(saved);
  const [other] = await scans(print(trivyReport([], ['sha256:0'])));
  expect(other).toMatchObject({ counts: null, reason: expect.stringContaining('has read another image') });
});

test('a scanner that fails changes neither the exit code nor the rest', async () => {
  const { code, stdout } = await (await start('echo first >&2; echo "no database" >&2; exit 1')).ended;
  expect(code).toBe(0);
  expect(stdout).toMatch(/^n\/a: image [^ ]*, image .*app\.tar: trivy failed: no database$/m);
  expect(stdout).toContain('unpacked');
});

test('a scanner that is not installed', async () => {
  const run = startProgram('compare', ['--image', './app.tar', '--scan', 'grype'], {
    PATH: '/nowhere',
    INIT_CWD: directory,
  });
  const { code, stdout } = await run.ended;
  expect(code).toBe(0);
  expect(stdout).toContain('There is no grype on the PATH. To install it: https://');
});

test('Ctrl-C ends the scanner, and nothing is left', async () => {
  const seen = join(directory, 'seen');
  const { child, ended } = await start(`echo $$ > '${seen}'; exec sleep 60`);
  const pid = await vi.waitFor(
    async () => (await readFile(seen, 'utf8')).trim() || Promise.reject(new Error('not yet')),
    {
      timeout: 20_000,
    },
  );
  child.kill('SIGINT');
  expect(await ended).toMatchObject({ code: 130, stdout: '' });
  expect(await readdir(temporary)).toEqual([]);
  expect(await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'Z')).toMatch(/^Z$|^State:\s+Z/m);
});
