import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { baseImagesOf, findChapters } from './compare/discover/chapters.ts';
import type { Engine } from './engine/engine.ts';
import { isInstallable } from './engine/engine-errors.ts';
import { defaultClientHint, findEngine } from './engine/find-engine.ts';
import { describeError, EXIT, exitCodeOf, ToolError } from './lib/errors.ts';
import { createProgress, type Progress, step } from './lib/progress.ts';
import { provideBaseImages } from './setup/base-images.ts';
import { installDocker } from './setup/install-docker.ts';

const HELP = `Usage: npm run setup

Says what this machine has, and does only what is missing:
  1. the repository's dependencies (npm ci)
  2. a container engine that answers; on Debian and Ubuntu, as root or with sudo, Docker is installed and started
  3. the base images that the chapters name: pulled, or built as stand-ins where no image registry can be reached

Exit codes: 0 all is there, 1 something failed, 2 wrong use, 3 no engine, with what to do`;

async function setup(progress: Progress): Promise<void> {
  const engine = await provideEngine(progress);
  const { version, command, imageStore } = engine.info;
  progress.note(`engine: Docker ${version}, image store ${imageStore}, BuildKit through ${command}`);
  await provideBaseImages(engine, await baseImagesOf(await findChapters(join(import.meta.dirname, '..'))), progress);
  progress.note('Ready: npm run compare');
  const hint = await defaultClientHint(command);
  if (hint) progress.note(hint);
}

async function provideEngine(progress: Progress): Promise<Engine> {
  try {
    return await findEngine();
  } catch (error) {
    if (!isInstallable(error)) throw error;
    progress.note(`engine: ${error.message}`);
    const chosen = ['DOCKER_HOST', 'DOCKER_CONTEXT'].find((name) => process.env[name]);
    if (chosen) {
      throw new ToolError(`${chosen}=${process.env[chosen]} names an engine that does not answer.`, {
        code: 'engine-not-found',
        lines: error.lines,
        hint: `Start that engine, or unset ${chosen} to use the one of this machine.`,
      });
    }
    return await step(progress, 'engine', 'Docker is installed and answers', installDocker);
  }
}

function readArguments(): void {
  try {
    const { values } = parseArgs({ options: { help: { type: 'boolean', short: 'h' } } });
    if (!values.help) return;
    console.log(HELP);
    process.exit(EXIT.ok);
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${HELP}`);
    process.exit(EXIT.usage);
  }
}

readArguments();
const progress = createProgress();
try {
  await setup(progress);
} catch (error) {
  progress.close();
  console.error(`\n${describeError(error)}`);
  process.exitCode = exitCodeOf(error);
}
progress.close();
