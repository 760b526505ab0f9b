import { baseImagesOf, findChapters } from '../compare/discover/chapters.ts';
import type { Directories } from '../compare/discover/find-projects.ts';
import { selectSubjects } from '../compare/discover/select-subjects.ts';
import type { Engine } from '../engine/engine.ts';
import { isInstallable } from '../engine/engine-errors.ts';
import { findEngine } from '../engine/find-engine.ts';
import { ToolError } from '../lib/errors.ts';
import { createProgress, type Progress, showTask } from '../lib/progress.ts';
import { provideBaseImages } from './base-images.ts';
import { describeDefaultClient } from './describe-default-client.ts';
import { installDocker } from './install-docker.ts';

/** Provides an engine, and the base images of the chapters and of the Dockerfiles in `projects`. */
export async function setUp(projects: string[], directories: Directories): Promise<void> {
  const progress = createProgress();
  try {
    const selection = { names: projects, hasImages: false, given: {}, check: false };
    const { subjects } = projects.length > 0 ? await selectSubjects(selection, directories) : { subjects: [] };
    const bases = await baseImagesOf([...(await findChapters(directories.root)), ...subjects]);
    const engine = await provideEngine(progress);
    const { version, command, imageStore } = engine.info;
    progress.note(`engine: Docker ${version}, image store ${imageStore}, BuildKit through ${command}`);
    await provideBaseImages(engine, bases, progress);
    const hint = await describeDefaultClient(command);
    progress.note(['Ready: npm run compare', ...(hint ? [hint] : [])].join('\n'));
  } finally {
    progress.close();
  }
}

/** Finds an engine, or installs Docker. An engine that the user has chosen is never replaced by another one. */
async function provideEngine(progress: Progress): Promise<Engine> {
  try {
    return await findEngine();
  } catch (error) {
    if (!isInstallable(error)) throw error;
    progress.note(`engine: ${error.message}`);
    const chosen = ['DOCKER_HOST', 'DOCKER_CONTEXT'].find((name) => process.env[name]);
    if (!chosen) return showTask(progress, 'engine: install and start Docker', installDocker);
    throw new ToolError(`${chosen}=${process.env[chosen]} names an engine that does not answer.`, {
      code: 'engine-not-found',
      lines: error.lines,
      hint: `Start that engine, or unset ${chosen} to use the one of this machine.`,
    });
  }
}
