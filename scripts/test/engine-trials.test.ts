import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readEngineTrials } from '../docs/engine-trials.ts';
import { partOf } from '../docs/parts.ts';
import { readReports } from '../docs/reports.ts';
import { isAccepted } from './images/engine-gaps.ts';
import { ENGINE_CONTAINERS } from './images/engine-list.ts';

const ROOT = join(import.meta.dirname, '../..');
const trials = await readEngineTrials(ROOT);

test('every engine of the tests was tried, and what is tried in CI is in the table', () => {
  const names = trials.map(({ name }) => name);
  expect(names).toEqual(["this machine's engine", ...ENGINE_CONTAINERS.map(({ name }) => name)]);
  expect(ENGINE_CONTAINERS.some(({ inTests, engine, rootless }) => inTests && engine === 'podman' && rootless)).toBe(
    true,
  );
});

test('all of the tests passed, and nothing is n/a that has to work', () => {
  for (const { name, engine, tests, unavailable, ...facts } of trials) {
    expect([name, tests.passed]).toEqual([name, tests.total]);
    for (const gap of unavailable) {
      const isListed = isAccepted({ ...facts, name: engine }, gap);
      expect([name, gap.figure, isListed]).toEqual([name, gap.figure, true]);
    }
  }
});

test('the versions are those that the names say', () => {
  for (const { name, engine, version, rootless } of trials.slice(1)) {
    expect(`${engine} ${version}`).toContain(name.split(' ').slice(0, 2).join(' '));
    expect(rootless).toBe(name.endsWith('rootless'));
  }
});

test('the table of the documents', async () => {
  const table = partOf({ reports: await readReports(ROOT), mistakes: [], trials }, 'engines');
  expect(table).toMatch(/^\| engine \| versions and image stores \| n\/a \|$/m);
  for (const { version, imageStore } of trials) expect(table).toContain(`${version.split('+')[0]} ${imageStore}`);
  expect(table).toMatch(/^\| Podman, rootless \| .*\b5\.4\.\d+ overlay\b.* \| .*memory check/m);
  expect(table).toMatch(/^\| Docker \| .*20\.10\.\d+ overlay2, .* \| — \|$/m);
});
