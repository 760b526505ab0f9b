import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { parseJson } from '../lib/parse-json.ts';
import { spawnWithInput } from '../lib/spawn.ts';

// https://github.com/docker/docker-credential-helpers

/** A program is started by this name: it is looked up on the PATH and nowhere else. */
const HELPER_NAME = /^[a-zA-Z0-9][\w.-]{0,100}$/;
/** A helper may ask for the password of its store. */
const HELPER_LIMIT_MS = 120_000;
/** The message by which every helper says that it has nothing for a registry. */
const NOT_FOUND = 'credentials not found in native keychain';

const answerFormat = z.object({ Username: z.string(), Secret: z.string() });

/**
 * Asks a credential helper for what it has for a registry; null when it has nothing.
 *
 * @param key the registry, as Docker names it to helpers.
 * @param path where the helper is set.
 */
export async function askHelper(
  helper: string,
  key: string,
  path: string,
  signal: AbortSignal,
): Promise<{ user: string; secret: string } | null> {
  const hint = `Check the helper, or set another one for ${key} in ${path}.`;
  if (!HELPER_NAME.test(helper)) {
    throw new ToolError(`${path} names a credential helper that cannot be a program: ${JSON.stringify(helper)}.`, {
      hint,
    });
  }
  const program = `docker-credential-${helper}`;
  // Not apart from the terminal: some helpers ask for a password there.
  const options = { signal, timeout: HELPER_LIMIT_MS, detached: false };
  const output = await spawnWithInput(program, ['get'], key, options).catch((error: unknown) => {
    signal.throwIfAborted();
    if (!(error instanceof ToolError)) throw error;
    if (error.lines.some((line) => line.trim() === NOT_FOUND)) return null;
    const isStarted = error.code !== 'failed';
    const message = isStarted
      ? `The credential helper ${program} gave nothing for ${key}.`
      : `The credential helper ${program} cannot be started.`;
    const lines = isStarted && error.code !== 'timed-out' ? error.lines : [error.message];
    throw new ToolError(message, { code: error.code, lines, hint });
  });
  if (output === null) return null;
  const { data } = answerFormat.safeParse(parseJson(output));
  // Without what it printed: that may be the password.
  if (!data) throw new ToolError(`The credential helper ${program} printed no credentials for ${key}.`, { hint });
  return { user: data.Username, secret: data.Secret };
}
