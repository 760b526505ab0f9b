import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDockerfile } from '../../lib/dockerfile.ts';
import { mergeSettings } from '../model/settings.ts';
import type { Subject } from '../model/subject.ts';
import { findSubjects } from './project.ts';

/** The names of the chapters' directories below `root`, in order. They begin with two digits. */
export async function findChapterDirectories(root: string): Promise<string[]> {
  return (await readdir(root, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && /^\d\d-/.test(entry.name))
    .map((entry) => entry.name)
    .sort();
}

/** The variants of all chapters below `root`, with default settings. */
export async function findChapters(root: string): Promise<Subject[]> {
  const chapters = await findChapterDirectories(root);
  const find = (chapter: string) => findSubjects(chapter, join(root, chapter), {}, mergeSettings());
  return (await Promise.all(chapters.map(find))).flat();
}

/**
 * The base images that the subjects' Dockerfiles name, each once.
 *
 * @throws {ToolError} for a Dockerfile that does not parse.
 */
export async function baseImagesOf(subjects: Subject[]): Promise<string[]> {
  const readBases = async ({ dockerfile, file, settings }: Subject) =>
    readDockerfile(await readFile(dockerfile, 'utf8'), file, settings).bases;
  return [...new Set((await Promise.all(subjects.map(readBases))).flat())];
}
