import { access, cp, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readIgnoreFile } from '../../lib/dockerignore.ts';
import { copyContext, runNpm } from '../build/context-copy.ts';
import type { Subject } from '../model/subject.ts';
import type { Mistake } from './find.ts';

/** Nobody's secret. */
const ENV_FILE = 'API_KEY=made-up-key\n';

/**
 * Copies a chapter for one of a mistake's two Dockerfiles to `path`, as somebody who works in it has it: with installed
 * dependencies and an `.env` file. What the chapter's own ignore file leaves out is not copied, because it may hold real
 * secrets; npm installs only where the Dockerfile's ignore file would let it through. Returns the subject in its copy.
 */
export async function workingCopy(
  { folder, mended }: Mistake,
  subject: Subject,
  path: string,
  { signal, say }: { signal: AbortSignal; say: (text: string) => void },
): Promise<Subject> {
  await copyContext(mended, path);
  await cp(join(subject.context, folder), join(path, folder), { recursive: true });
  await writeFile(join(path, '.env'), ENV_FILE);
  const copied = { ...subject, context: path, dockerfile: join(path, folder, `Dockerfile.${subject.variant}`) };
  const hasLock = await access(join(path, 'package-lock.json')).then(
    () => true,
    () => false,
  );
  if (hasLock && !(await readIgnoreFile(path, copied.dockerfile)).ignores('node_modules')) {
    say(`npm ci in a copy for ${subject.chapter}`);
    // Without the scripts of packages: nobody's code runs on this machine for it.
    await runNpm(['ci', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'], path, signal);
  }
  return copied;
}
