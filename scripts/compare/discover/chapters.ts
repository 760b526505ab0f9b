import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readDockerfile } from '../../lib/dockerfile.ts';
import { mergeSettings } from '../model/settings.ts';
import type { Subject } from '../model/subject.ts';
import { findSubjects } from './project.ts';

/** The folders of the chapters below `root`: those that begin with two digits, in order. */
export async function findChapterDirectories(root: string): Promise<string[]> {
  return (await readdir(root, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory() && /^\d\d-/.test(entry.name))
    .map((entry) => entry.name)
    .sort();
}

/** The chapters below `root` and their variants, each built, run and requested as it is. */
export async function findChapters(root: string): Promise<Subject[]> {
  const subjects = await Promise.all(
    (await findChapterDirectories(root)).map((chapter) =>
      findSubjects(chapter, join(root, chapter), {}, mergeSettings()),
    ),
  );
  return subjects.flat();
}

/**
 * The base images that the subjects' Dockerfiles name, each once.
 *
 * @throws {ToolError} for a Dockerfile that does not parse.
 */
export async function baseImagesOf(subjects: Subject[]): Promise<string[]> {
  const facts = await Promise.all(
    subjects.map(async (subject) => readDockerfile(await readFile(subject.dockerfile, 'utf8'), subject.dockerfile)),
  );
  return [...new Set(facts.flatMap(({ bases }) => bases))];
}
