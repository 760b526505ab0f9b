import { ToolError, usageError } from '../lib/errors.ts';
import { type SpawnOptions, spawnText } from '../lib/spawn.ts';
import type { BuildxBuilder } from './engine.ts';

/**
 * Finds a builder of Docker's buildx plugin. What it is made of is not started: the build does that.
 *
 * @throws {ToolError} with the code `usage` and the names of all builders, when there is none with this name.
 */
export async function findBuilder(command: string, name: string, options: SpawnOptions): Promise<BuildxBuilder> {
  const buildx = (...args: string[]) => spawnText(command, ['buildx', ...args], options);
  try {
    const driver = /^Driver:\s*(\S+)/m.exec(await buildx('inspect', name))?.[1];
    return { name, driver: driver ?? 'unknown' };
  } catch (error) {
    options.signal?.throwIfAborted();
    if (!(error instanceof ToolError)) throw error;
    const isUnknown = error.lines.some((line) => /no builder .* found|could not find|not found/i.test(line));
    if (!isUnknown) throw new ToolError(`The builder ${name} does not respond.`, { code: 'usage', lines: error.lines });
    const names = readBuilderNames(await buildx('ls').catch(() => ''));
    const hint = names.length > 0 ? `There are: ${names.join(', ')}.` : '`docker buildx ls` lists the builders.';
    throw usageError(`There is no builder ${name}.`, hint);
  }
}

/** The names in the table of `docker buildx ls`. The nodes of a builder are indented, and `*` marks the current one. */
export function readBuilderNames(table: string): string[] {
  const [, ...rows] = table.split('\n');
  return rows.flatMap((row) => /^([\w.-]+)\*?(?:\s|$)/.exec(row)?.[1] ?? []);
}
