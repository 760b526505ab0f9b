import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { baseImagesOf, findChapters } from '../compare/discover/chapters.ts';
import { findSubjects } from '../compare/discover/project.ts';
import { mergeSettings } from '../compare/model/settings.ts';
import type { Subject } from '../compare/model/subject.ts';
import type { Engine } from '../engine/engine.ts';
import { isInstallable } from '../engine/engine-errors.ts';
import { defaultClientHint, findEngine } from '../engine/find-engine.ts';
import { ToolError, usageError } from '../lib/errors.ts';
import { createProgress, type Progress, step } from '../lib/progress.ts';
import { provideBaseImages } from './base-images.ts';
import { installDocker } from './install-docker.ts';

/** Provides an engine, and the base images of the chapters below `root` and of the Dockerfiles in `directories`. */
export async function setUp(root: string, directories: string[]): Promise<void> {
  const progress = createProgress();
  try {
    const named = await Promise.all(directories.map(findNamedSubjects));
    const bases = await baseImagesOf([...(await findChapters(root)), ...named.flat()]);
    const engine = await provideEngine(progress);
    const { version, command, imageStore } = engine.info;
    progress.note(`engine: Docker ${version}, image store ${imageStore}, BuildKit through ${command}`);
    await provideBaseImages(engine, bases, progress);
    const hint = await defaultClientHint(command);
    progress.note(['Ready: npm run compare', ...(hint ? [hint] : [])].join('\n'));
  } finally {
    progress.close();
  }
}

async function findNamedSubjects(directory: string): Promise<Subject[]> {
  const isDirectory = (await stat(directory).catch(() => null))?.isDirectory();
  if (!isDirectory) throw usageError(`There is no directory ${directory}.`, 'Try: npm run setup -- --help');
  const subjects = await findSubjects(basename(directory), directory, {}, mergeSettings());
  if (subjects.length === 0) throw usageError(`There is no Dockerfile in ${directory}.`);
  return subjects;
}

/** Finds an engine, or installs Docker. An engine that the user has chosen is never replaced by another one. */
async function provideEngine(progress: Progress): Promise<Engine> {
  try {
    return await findEngine();
  } catch (error) {
    if (!isInstallable(error)) throw error;
    progress.note(`engine: ${error.message}`);
    const chosen = ['DOCKER_HOST', 'DOCKER_CONTEXT'].find((name) => process.env[name]);
    if (!chosen) return step(progress, 'engine: install and start Docker', installDocker);
    throw new ToolError(`${chosen}=${process.env[chosen]} names an engine that does not answer.`, {
      code: 'engine-not-found',
      lines: error.lines,
      hint: `Start that engine, or unset ${chosen} to use the one of this machine.`,
    });
  }
}
