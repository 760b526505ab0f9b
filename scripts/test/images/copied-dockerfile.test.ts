import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildPrivate, PRIVATE_PROJECT, writeNpmrc } from './private-project.ts';
import { Bench, docker, ROOT } from './test-engine.ts';
import { startRegistry } from './token-registry.ts';

// What chapter 04's Dockerfile does to a project that has more than the chapter's app: static files, scripts around its
// build, and packages that read their own files.

const bench = new Bench();
let scratch = '';
afterAll(async () => {
  await bench.cleanUp();
  await rm(scratch, { recursive: true, force: true });
});

describe("another project with 04's Dockerfile", () => {
  let directory = '';
  let old: Awaited<ReturnType<Bench['serve']>>;

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'copied-dockerfile-'));
    directory = join(scratch, 'project');
    await cp(PRIVATE_PROJECT, directory, { recursive: true });
    await cp(join(ROOT, '04-three-stage/Dockerfile.multi'), join(directory, 'Dockerfile'));
    const edit = async (file: string, what: string, replacement: string) => {
      const path = join(directory, file);
      await writeFile(path, (await readFile(path, 'utf8')).replace(what, replacement));
    };
    const route = "app.use('/theme', express.static('node_modules/@example/greeting'));";
    await edit('src/index.ts', "app.get('/',", `${route}\n$&`);
    await edit(
      'package.json',
      '"build":',
      '"prebuild": "mkdir dist",\n"postbuild": "cp package.json dist/after.json",\n$&',
    );
    old = await serve('old');
  });

  /** Runs the project with a package that exports a greeting. */
  async function serve(greeting: string) {
    const token = `token-${greeting}-${bench.id}`;
    const registry = await startRegistry(bench, '@example/greeting', `export const greeting = '${greeting}';`, token);
    const image = await buildPrivate(bench, directory, await writeNpmrc(scratch, registry, token));
    return bench.serve(image);
  }

  test('runs the scripts prebuild and postbuild', async () => {
    expect(await docker('exec', old.id, 'ls', 'dist')).toBe('after.json\nindex.js');
  });

  test.each(['README.md', '*.d.ts'])('keeps the %s of packages, which some read', async (pattern) => {
    expect(await docker('exec', old.id, 'find', 'node_modules', '-name', pattern)).not.toBe('');
  });

  // A browser keeps a static file and asks whether it has changed. Express answers from the file's size and date, so an
  // image must not give all versions of a file the same date.
  test('after an upgrade to a file of the same size, it does not answer that the file is unchanged', async () => {
    const path = '/theme/index.js';
    const { etag, ...before } = await old.ask(path);
    expect(before).toMatchObject({ status: 200, body: expect.stringContaining('old') });
    const validators = { 'if-none-match': etag };
    // The same file is known, so this test would notice.
    expect((await old.ask(path, validators)).status).toBe(304);
    const { ask } = await serve('new');
    expect(await ask(path, validators)).toMatchObject({ status: 200, body: expect.stringContaining('new') });
  });
});
