import { join } from 'node:path';
import { findChapters } from '../../compare/discover/chapters.ts';
import { findSubjects } from '../../compare/discover/project.ts';
import { mergeSettings } from '../../compare/model/settings.ts';
import type { Subject } from '../../compare/model/subject.ts';
import { ROOT } from './test-engine.ts';

/** Dockerfiles below a chapter that build its app, by the variant that the tests call them. */
const BELOW: Record<string, Record<string, string>> = {
  '02-multi-stage': { native: 'native/Dockerfile' },
  '03-distroless': { lean: 'lean/Dockerfile.lean' },
  '04-three-stage': { company: 'company/Dockerfile' },
};

/** All Dockerfiles that build the chapters' app: the variants of the chapters, and those below them. */
export async function findAllSubjects(): Promise<Subject[]> {
  const below = Object.entries(BELOW).flatMap(([chapter, files]) =>
    Object.entries(files).map(async ([variant, file]) => {
      const directory = join(ROOT, chapter);
      const layout = { dockerfiles: [join(directory, file)] };
      return (await findSubjects(chapter, directory, layout, mergeSettings())).map((one) => ({ ...one, variant }));
    }),
  );
  const subjects = [...(await findChapters(ROOT)), ...(await Promise.all(below)).flat()];
  return subjects.sort((a, b) => a.chapter.localeCompare(b.chapter, 'en'));
}
