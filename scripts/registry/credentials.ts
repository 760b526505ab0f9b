import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { ToolError } from '../lib/errors.ts';
import { addHiddenValues } from '../lib/hide.ts';
import { parseJson } from '../lib/parse-json.ts';
import { askHelper } from './credential-helper.ts';
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
    ? readHelperCredentials(await askHelper(helper, key, path, signal))
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

function readHelperCredentials(answer: { user: string; secret: string } | null): Credentials | null {
  if (answer === null || answer.secret === '') return null;
  if (answer.user === TOKEN_USER) return { identityToken: answer.secret };
  return { user: answer.user, password: answer.secret };
}
