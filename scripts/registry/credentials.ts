import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { addHiddenValues } from '../lib/hide.ts';
import { parseJson } from '../lib/parse-json.ts';
import { redact } from '../lib/redact.ts';
import { spawnWithInput } from '../lib/spawn.ts';
import { credentialsKey } from './reference.ts';

/** The directory of Docker's settings of this user. */
export const settingsDirectory = () => process.env.DOCKER_CONFIG || join(homedir(), '.docker');

/** What to log in to a registry with. */
export type Credentials = { user: string; password: string } | { identityToken: string };

/** The user by which Docker marks an OAuth2 refresh token. */
const TOKEN_USER = '<token>';

const authEntry = z.object({
  auth: z.string().optional(),
  identitytoken: z.string().optional(),
  username: z.string().optional(),
  password: z.string().optional(),
});
const dockerSettings = z.object({
  auths: z.record(z.string(), authEntry).nullish(),
  credHelpers: z.record(z.string(), z.string()).nullish(),
  credsStore: z.string().nullish(),
});

/**
 * The credentials that Docker has for a registry, or null. As for Docker, the registry's own credential helper comes
 * first, then the helper for all registries, and the passwords in config.json only where no helper is set.
 *
 * @throws {ToolError} when the settings are damaged or a helper fails: without credentials, the registry's error would
 * mislead.
 */
export async function findCredentials(host: string, signal: AbortSignal): Promise<Credentials | null> {
  const path = join(settingsDirectory(), 'config.json');
  const { auths, credHelpers, credsStore } = await readSettings(path);
  const key = credentialsKey(host);
  const helper = credHelpers?.[key] ?? credsStore;
  const credentials = helper
    ? await askHelper(helper, key, path, signal)
    : readEntry(findEntry(auths ?? {}, key), key, path);
  if (credentials) hideCredentials(credentials);
  return credentials;
}

/** From now on, no output shows these credentials, also in the forms in which they are sent. */
function hideCredentials(credentials: Credentials): void {
  if ('identityToken' in credentials) addHiddenValues(formsOf(credentials.identityToken));
  else addHiddenValues([...formsOf(credentials.password), `${credentials.user}:${credentials.password}`]);
}

/** A value, and as a form has it. */
const formsOf = (value: string) => [value, new URLSearchParams({ '': value }).toString().slice(1)];

async function readSettings(path: string): Promise<z.infer<typeof dockerSettings>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return '{}';
    throw new ToolError(`Docker's settings ${path} cannot be read: ${error.code}.`, {
      hint: 'Check the permissions of the file.',
    });
  });
  const { data } = dockerSettings.safeParse(text.trim() === '' ? {} : parseJson(text));
  if (!data) throw describeDamage(path, 'they are not the JSON that Docker writes.');
  return data;
}

const describeDamage = (path: string, reason: string) =>
  new ToolError(`Docker's settings ${path} are damaged: ${reason}`, {
    hint: 'Fix the file, or log in again with `docker login`.',
  });

/** The entry for a registry. An older Docker wrote its address instead of its host. */
function findEntry(auths: Record<string, z.infer<typeof authEntry>>, key: string) {
  if (Object.hasOwn(auths, key)) return auths[key];
  return Object.entries(auths).find(([address]) => hostOf(address) === key)?.[1];
}

function hostOf(address: string): string {
  return address.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
}

function readEntry(entry: z.infer<typeof authEntry> | undefined, key: string, path: string): Credentials | null {
  if (entry?.identitytoken) return { identityToken: entry.identitytoken };
  if (!entry?.auth) return entry?.username ? { user: entry.username, password: entry.password ?? '' } : null;
  const [, user, password] = /^([^:]+):(.*)$/s.exec(Buffer.from(entry.auth, 'base64').toString()) ?? [];
  if (user === undefined || password === undefined) {
    throw describeDamage(path, `auths["${key}"].auth is not the base64 of USER:PASSWORD.`);
  }
  // An older Docker padded it.
  return { user, password: password.replace(/^\0+|\0+$/g, '') };
}

// https://github.com/docker/docker-credential-helpers

/** A program is started by this name: it is looked up on the PATH and nowhere else. */
const HELPER_NAME = /^[a-zA-Z0-9][\w.-]{0,100}$/;
/** A helper may ask for the password of its store. */
const HELPER_LIMIT_MS = 120_000;
/** The message by which every helper says that it has nothing for a registry. */
const NOT_FOUND = 'credentials not found in native keychain';

const helperAnswer = z.object({ Username: z.string(), Secret: z.string() });

/** Asks a credential helper for what it has for a registry. `path` is the file that names the helper. */
async function askHelper(helper: string, key: string, path: string, signal: AbortSignal): Promise<Credentials | null> {
  const hint = `Check the helper, or set another one for ${key} in ${path}.`;
  if (!HELPER_NAME.test(helper)) {
    const name = JSON.stringify(helper);
    throw new ToolError(`${path} names a credential helper that cannot be a program: ${name}.`, { hint });
  }
  const program = `docker-credential-${helper}`;
  // Not apart from the terminal: some helpers ask for a password there.
  const options = { signal, timeout: HELPER_LIMIT_MS, detached: false };
  const output = await spawnWithInput(program, ['get'], key, options).catch((error: unknown) => {
    signal.throwIfAborted();
    if (!(error instanceof ToolError)) throw error;
    if (error.lines.some((line) => line.trim() === NOT_FOUND)) return null;
    const problem = error.code === 'failed' ? 'cannot be started' : `gave nothing for ${key}`;
    const isReported = error.code === 'program-failed' && error.lines.length > 0;
    const lines = isReported ? error.lines.map(redact) : [error.message];
    throw new ToolError(`The credential helper ${program} ${problem}.`, { code: error.code, lines, hint });
  });
  if (output === null) return null;
  const { data } = helperAnswer.safeParse(parseJson(output));
  // Without what it printed: that may be the password.
  if (!data) throw new ToolError(`The credential helper ${program} printed no credentials for ${key}.`, { hint });
  if (data.Secret === '') return null;
  if (data.Username === TOKEN_USER) return { identityToken: data.Secret };
  return { user: data.Username, password: data.Secret };
}
