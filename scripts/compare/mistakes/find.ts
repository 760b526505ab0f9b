import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIgnoreFile } from '../../lib/dockerignore.ts';
import { ToolError } from '../../lib/errors.ts';
import { redact } from '../../lib/redact.ts';
import { subjectsOf } from '../discover/project.ts';
import { settingsOf } from '../model/settings.ts';
import type { Subject } from '../model/subject.ts';
import { fixingLines } from './fix.ts';

/** Where a chapter has its mistakes, each in a folder of its own. */
const FOLDER = 'mistakes';

/** A mistake of a chapter: a tiny Dockerfile that has it, and one that differs in nothing else. */
export interface Mistake {
  /** What stands for the chapter in all outputs, such as `01-first-dockerfile/no-dockerignore`. */
  chapter: string;
  /** Its folder, relative to the chapter's. */
  folder: string;
  /** The mistake, and what its mended version does instead. */
  what: string;
  instead: string;
  /** What mends it: the file, and its lines as {@link fixingLines} has them. */
  fix: { file: 'Dockerfile' | '.dockerignore'; lines: string[] };
  mended: Subject;
  mistake: Subject;
}

/**
 * The mistakes of some chapters below `root`, in order: the folders of `NN-chapter/mistakes`. The build context is the
 * chapter's folder.
 *
 * @throws {ToolError} for a folder that lacks one of its two Dockerfiles, or a Dockerfile that does not say what it shows.
 */
export async function findMistakes(root: string, chapters: string[]): Promise<Mistake[]> {
  const found = await Promise.all(
    chapters.map(async (chapter) => {
      const entries = await readdir(join(root, chapter, FOLDER), { withFileTypes: true }).catch(() => []);
      const names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
      return Promise.all(names.sort().map((name) => readMistake(join(root, chapter), chapter, name)));
    }),
  );
  return found.flat();
}

async function readMistake(context: string, chapter: string, name: string): Promise<Mistake> {
  const folder = `${FOLDER}/${name}`;
  const dockerfiles = ['mended', 'mistake'].map((variant) => join(context, folder, `Dockerfile.${variant}`));
  const subjects = await subjectsOf(`${chapter}/${name}`, context, { dockerfiles }, settingsOf());
  const [mended, mistake] = subjects.map((subject) => ({
    ...subject,
    file: `${chapter}/${folder}/Dockerfile.${subject.variant}`,
  })) as [Subject, Subject];
  const [after, before] = (await Promise.all(dockerfiles.map((path) => readFile(path, 'utf8')))) as [string, string];
  const lines = fixingLines(before, after);
  const inDockerfile = lines.length > 0;
  const fix = inDockerfile ? lines : fixingLines(await ignoreText(mistake), await ignoreText(mended));
  return {
    chapter: `${chapter}/${name}`,
    folder,
    what: firstComment(before, mistake),
    instead: firstComment(after, mended),
    fix: { file: inDockerfile ? 'Dockerfile' : '.dockerignore', lines: fix.map(redact) },
    mended,
    mistake,
  };
}

/** The comment at the beginning of a Dockerfile, as one line. */
function firstComment(text: string, { file }: Subject): string {
  const [comment = ''] = /^(?:#.*\n)+/.exec(text) ?? [];
  const said = comment.replace(/^#\s*/gm, '').replace(/\s+/g, ' ').trim();
  if (said === '') throw new ToolError(`${file} does not begin with a comment that says what it shows.`);
  return said;
}

async function ignoreText({ context, dockerfile }: Subject): Promise<string> {
  const { name } = await readIgnoreFile(context, dockerfile);
  return name === null ? '' : readFile(join(context, name), 'utf8');
}
