import { cp, mkdtemp, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findChapterDirectories } from '../compare/discover/chapters.ts';
import { appFiles, chapterPackages, expectedFiles, type Lock, syncCopies } from '../sync/chapter-copies.ts';

const ROOT = join(import.meta.dirname, '../..');
const workspace = JSON.parse(await readFile(join(ROOT, 'package-lock.json'), 'utf8')) as Lock;

/**
 * The lines by which the .dockerignore of a chapter differs from that of the first: 04's stage `test` needs the tests, and
 * a Dockerfile below a chapter is not part of the app.
 */
const OTHER_IGNORED: Record<string, { with?: string[]; without?: string[] }> = {
  '02-multi-stage': { with: ['native'] },
  '03-distroless': { with: ['lean'] },
  '04-three-stage': { with: ['company'], without: ['test'] },
};

/** The lines of an ignore file, without comments. */
const readPatterns = async (file: string) =>
  (await readFile(join(ROOT, file), 'utf8')).split('\n').filter((line) => !/^(#.*)?$/.test(line));

// `npm run sync` fixes what differs here.

describe.each(await findChapterDirectories(ROOT))('%s', (chapter) => {
  test('has the same app as the first chapter', async () => {
    expect(await appFiles(ROOT, chapter)).toEqual(await expectedFiles(ROOT, chapter));
  });

  test('its lockfile has the dependencies of its package.json and the versions of the workspace', async () => {
    const lock = JSON.parse(await readFile(join(ROOT, chapter, 'package-lock.json'), 'utf8')) as Lock;
    const packageFile = JSON.parse(await readFile(join(ROOT, chapter, 'package.json'), 'utf8'));
    const { dependencies, devDependencies } = packageFile;
    expect(lock.packages['']).toMatchObject({ name: chapter, dependencies, devDependencies });

    const { '': _top, ...locked } = lock.packages;
    const expected = chapterPackages(workspace, chapter);
    const versions = (packages: Lock['packages']) =>
      Object.fromEntries(Object.keys(locked).map((path) => [path, packages[path]?.version]));
    expect(versions(locked)).toEqual(versions(expected));
  });

  test('its .dockerignore is that of the first chapter, but for listed lines', async () => {
    const [original = ''] = await findChapterDirectories(ROOT);
    const { with: more = [], without = [] } = OTHER_IGNORED[chapter] ?? {};
    const expected = (await readPatterns(`${original}/.dockerignore`)).filter((line) => !without.includes(line));
    expect((await readPatterns(`${chapter}/.dockerignore`)).sort()).toEqual([...expected, ...more].sort());
  });

  test('its Dockerfile is Dockerfile.multi', async () => {
    expect(await readlink(join(ROOT, chapter, 'Dockerfile'))).toBe('Dockerfile.multi');
  });
});

test('the .dockerignore of lean is that of its chapter, but for the directory itself', async () => {
  const expected = (await readPatterns('03-distroless/.dockerignore')).filter((line) => line !== 'lean');
  expect((await readPatterns('03-distroless/lean/Dockerfile.lean.dockerignore')).sort()).toEqual(expected.sort());
});

test("04's Dockerfile for a company differs from Dockerfile.multi only in its CA and its dates", async () => {
  /** The lines of each stage, without comments. The first is what comes before all stages. */
  const stagesOf = async (file: string) =>
    (await readFile(join(ROOT, '04-three-stage', file), 'utf8'))
      .replace(/^(#.*)?\n/gm, '')
      .split(/^(?=FROM )/m)
      .map((stage) => stage.split('\n'));
  const [plain, company] = [await stagesOf('Dockerfile.multi'), await stagesOf('company/Dockerfile')];
  const without = (lines: string[] = [], others: string[] = []) => lines.filter((line) => !others.includes(line));
  expect(company.length).toBe(plain.length);
  const mountCa = '  --mount=type=secret,id=ca \\';
  const trustCa = '  if [ -r /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi \\';
  const setDates = '  && if [ -n "$SOURCE_DATE_EPOCH" ]; then find /out -exec touch -hd "@$SOURCE_DATE_EPOCH" {} +; fi';
  const makeOut = '  && mkdir -p /out/app \\';
  expect(plain.map((stage, index) => [without(stage, company[index]), without(company[index], stage)])).toEqual([
    [[], []],
    [
      ['  npm ci --omit=dev --ignore-scripts'],
      [
        'ARG SOURCE_DATE_EPOCH',
        mountCa,
        trustCa,
        '  && npm ci --omit=dev --ignore-scripts \\',
        makeOut,
        '  && mv node_modules /out/app \\',
        setDates,
      ],
    ],
    [
      ['  npm ci --ignore-scripts', 'RUN npm run build'],
      [
        mountCa,
        trustCa,
        '  && npm ci --ignore-scripts',
        'ARG SOURCE_DATE_EPOCH',
        'RUN npm run build \\',
        makeOut,
        '  && cp -R package.json dist /out/app \\',
        setDates,
      ],
    ],
    [[], []],
    [[], []],
    [
      [
        'COPY --from=deps /app/node_modules ./node_modules',
        'COPY package.json ./',
        'COPY --from=builder /app/dist ./dist',
      ],
      ['COPY --from=deps /out /', 'COPY --from=builder /out /'],
    ],
  ]);
});

test('no lockfile names a registry', async () => {
  for (const directory of ['.', ...(await findChapterDirectories(ROOT)), '03-distroless/lean']) {
    expect(await readFile(join(ROOT, directory, 'package-lock.json'), 'utf8')).not.toMatch(/"resolved": "http/);
  }
});

test('a new chapter requires only its Dockerfiles: sync adds everything else', async () => {
  const root = await mkdtemp(join(tmpdir(), 'copies-'));
  try {
    const [original = ''] = await findChapterDirectories(ROOT);
    const filter = (path: string) => !/\/(node_modules|dist|\.turbo)$/.test(path);
    await cp(join(ROOT, original), join(root, original), { recursive: true, verbatimSymlinks: true, filter });
    for (const name of ['Dockerfile.single', 'Dockerfile.multi']) {
      await cp(join(ROOT, original, name), join(root, '05-new', name));
    }
    expect(await syncCopies(root)).toEqual(
      expect.arrayContaining(['05-new/package.json', '05-new/src/app.ts', '05-new/.dockerignore', '05-new/Dockerfile']),
    );
    expect(await readlink(join(root, '05-new/Dockerfile'))).toBe('Dockerfile.multi');
    const packageFile = JSON.parse(await readFile(join(root, '05-new/package.json'), 'utf8'));
    expect(packageFile).toMatchObject({ name: '05-new', scripts: { build: 'tsc' } });
    expect(packageFile.description).toBeUndefined();

    // The description of a chapter stays, and so do its Dockerfile and its .dockerignore.
    await writeFile(join(root, '05-new/.dockerignore'), 'dist\n');
    await writeFile(join(root, '05-new/package.json'), JSON.stringify({ ...packageFile, description: 'New' }));
    await rm(join(root, '05-new/Dockerfile'));
    await writeFile(join(root, '05-new/Dockerfile'), 'FROM scratch\n');
    expect(await syncCopies(root)).toEqual(['05-new/package.json']);
    expect(JSON.parse(await readFile(join(root, '05-new/package.json'), 'utf8')).description).toBe('New');
    expect(await syncCopies(root)).toEqual([]);
  } finally {
    await rm(root, { recursive: true });
  }
});
