import { baseImagesOf, findChapters } from '../compare/discover/chapters.ts';
import type { Directories } from '../compare/discover/find-projects.ts';
import { selectSubjects } from '../compare/discover/select-subjects.ts';
import { describeEngine } from '../compare/report/engine-name.ts';
import type { Engine } from '../engine/engine.ts';
import { isInstallable } from '../engine/engine-errors.ts';
import { findChosenEngine, findEngine } from '../engine/find-engine.ts';
import { ToolError } from '../lib/errors.ts';
import { createProgress, type Progress, showTask } from '../lib/progress.ts';
import { provideBaseImages, registryOf } from './base-images.ts';
import { confirmStandIns } from './confirm-stand-ins.ts';
import { describeDefaultClient } from './describe-default-client.ts';
import { installDocker } from './install-docker.ts';
import { listStandIns, removeStandIns } from './remove-stand-ins.ts';
import { recipeFor } from './stand-ins.ts';

export interface SetupOptions {
  /** The directories of projects whose base images are provided as well. */
  projects: string[];
  /** Whether stand-ins are built without asking a registry. */
  standIns: boolean;
}

/** Provides an engine, and the base images of the chapters and of the Dockerfiles in the projects. */
export function setUp(
  { projects, standIns: requested }: SetupOptions,
  directories: Directories & { root: string },
  signal: AbortSignal,
): Promise<void> {
  return withProgress(signal, async (progress) => {
    const selection = { names: projects, hasImages: false, given: {}, check: false };
    const { subjects } = projects.length > 0 ? await selectSubjects(selection, directories) : { subjects: [] };
    const bases = await baseImagesOf([...(await findChapters(directories.root)), ...subjects]);
    const engine = await provideEngine(progress, signal);
    const { name, command } = engine.info;
    progress.note(`engine: ${describeEngine(engine.info)}, through ${command}`);
    const confirm = (names: string[]) => confirmStandIns(names, signal);
    const registries = await provideBaseImages(engine, bases, progress, { requested, confirm, signal });
    const present = await listStandIns(engine);
    // Those of other projects as well: their official images can be pulled now.
    const replaceable = present.filter((name) => registries.has(registryOf(name)));
    const staying = await removeStandIns(engine, replaceable, progress);
    const standIns = present.filter(
      (name) => recipeFor(name) && (!replaceable.includes(name) || staying.includes(name)),
    );
    if (standIns.length > 0) progress.note(describeStandIns(standIns));
    const hint = name === 'docker' ? await describeDefaultClient(command, signal) : null;
    progress.note(['Ready: npm run compare', ...(hint ? [hint] : [])].join('\n'));
  });
}

/** Removes all stand-ins from the engine. @throws {ToolError} when some are in use. */
export function removeAllStandIns(signal: AbortSignal): Promise<void> {
  return withProgress(signal, async (progress) => {
    const engine = await findEngine(signal);
    const names = await listStandIns(engine);
    if (names.length === 0) progress.note('There are no stand-ins on this engine.');
    const staying = await removeStandIns(engine, names, progress);
    if (staying.length === 0) return;
    throw new ToolError(`Stand-ins that were not removed: ${staying.join(', ')}.`, {
      hint: `Remove the containers that use them (${engine.info.name} ps --all), and try again.`,
    });
  });
}

async function withProgress(signal: AbortSignal, work: (progress: Progress) => Promise<void>): Promise<void> {
  const progress = createProgress();
  signal.addEventListener('abort', () => progress.note('Removing unfinished images and files'));
  try {
    await work(progress);
  } finally {
    progress.close();
  }
}

/** What stand-ins mean for the user's other projects. */
function describeStandIns(names: string[]): string {
  return `
These names are stand-ins on this engine, not the official images: ${names.join(', ')}
Every project on this machine that builds on these names builds on the stand-ins. When setup can reach the registries, it
replaces them. To remove them now: npm run setup -- --remove-stand-ins
`;
}

/** Finds an engine, or installs Docker. An engine that the user has chosen is never replaced by another one. */
async function provideEngine(progress: Progress, signal: AbortSignal): Promise<Engine> {
  try {
    return await findEngine(signal);
  } catch (error) {
    if (!isInstallable(error) || findChosenEngine()) throw error;
    progress.note(`engine: ${error.message}`);
    return showTask(progress, 'engine: install and start Docker', (report) => installDocker(report, signal));
  }
}
