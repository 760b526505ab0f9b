import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { findEngine } from '../../engine/find-engine.ts';
import { bundlePrograms } from '../bundle-programs.ts';

/**
 * Before the image tests: an engine must answer. A reaper removes what they made, however they end: it notices that its
 * standard input is closed, also when this process is killed.
 */
export async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  project.provide('update', project.config.snapshotOptions.updateSnapshot === 'all');
  // Vitest calls this for each of its projects, which share one reaper.
  if (process.env.TEST_INVOCATION) return undefined;
  const engine = await findEngine();
  // Every process that the tests start inherits this, and every image and container of theirs carries it as a label.
  process.env.TEST_INVOCATION = randomUUID();
  process.env.TEST_LABEL = `multi-stage-node.test-${process.env.TEST_INVOCATION}`;
  // The names that documents give to what they make, a line each.
  process.env.TEST_NAMES = join(tmpdir(), `multi-stage-node-test-${process.env.TEST_INVOCATION}`);
  process.env.TEST_PROGRAMS = await realpath(await mkdtemp(join(tmpdir(), 'programs-')));
  await bundlePrograms(process.env.TEST_PROGRAMS);
  const reaper = spawn(
    process.execPath,
    [
      join(import.meta.dirname, 'reaper.mjs'),
      engine.info.command,
      process.env.TEST_INVOCATION,
      process.env.TEST_LABEL,
      process.env.TEST_NAMES,
      process.env.TEST_PROGRAMS,
    ],
    { stdio: ['pipe', 'ignore', 'inherit'], detached: true, env: { ...process.env, TEST_INVOCATION: '' } },
  );
  return async () => {
    // Tests that end by themselves have removed these.
    await rm(process.env.TEST_NAMES ?? '', { force: true });
    reaper.stdin.end();
    await once(reaper, 'close');
  };
}

declare module 'vitest' {
  interface ProvidedContext {
    /** Whether the tests run with -u. */
    update: boolean;
  }
}
