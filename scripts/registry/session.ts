import { z } from 'zod';
import { addHiddenValues } from '../lib/hide.ts';
import { parseJson } from '../lib/parse-json.ts';
import { mayAsk, showAddress } from './address.ts';
import { type Credentials, findCredentials } from './credentials.ts';
import { loginCommand, type Reference } from './reference.ts';
import { RegistryError } from './registry-error.ts';
import { CLIENT_NAME, type RegistryClient, type RegistryRequest, type RegistryResponse } from './request.ts';

const MAX_TOKEN_BYTES = 1 << 20;
/** What a header may have. */
const TOKEN = /^[\x21-\x7e]+$/;

const tokenFormat = z.object({ token: z.string().nullish(), access_token: z.string().nullish() });

/**
 * Requests to a registry, with a login when it asks for one: https://distribution.github.io/distribution/spec/auth/
 *
 * @param tokenMs how long a token server may take, in milliseconds.
 */
export function createSession(reference: Reference, client: RegistryClient, signal: AbortSignal, tokenMs: number) {
  const { host, repository } = reference;
  /** The header of this name; undefined until the registry has asked for one. */
  let authorization: string | undefined;
  let renewal: Promise<string | undefined> | undefined;
  let credentials: Promise<Credentials | null> | undefined;

  /** The header that the challenges of WWW-Authenticate ask for; undefined when there is nothing to log in with. */
  async function authorize(header: string | string[] | undefined): Promise<string | undefined> {
    const challenges = readChallenges(header);
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    if (!bearer && !challenges.some(({ scheme }) => scheme === 'basic')) return undefined;
    credentials ??= findCredentials(host, signal);
    const found = await credentials;
    if (bearer) return `Bearer ${await requestToken(bearer.parameters, found)}`;
    // A token for token servers is not a password.
    return found && 'user' in found ? basic(found) : undefined;
  }

  async function requestToken(parameters: Map<string, string>, found: Credentials | null): Promise<string> {
    const realm = readRealm(parameters.get('realm'));
    const service = parameters.get('service');
    const scope = parameters.get('scope') ?? `repository:${repository}:pull`;
    const response = await client.send(
      tokenRequest(realm, { ...(service !== undefined && { service }), scope }, found),
      AbortSignal.any([signal, AbortSignal.timeout(tokenMs)]),
    );
    if (response.status !== 200) throw await client.unexpected(response);
    const body = await response.readAll(MAX_TOKEN_BYTES);
    const { data } = tokenFormat.safeParse(parseJson(body.toString()));
    const token = data?.access_token || data?.token;
    if (!token || !TOKEN.test(token)) throw fail(`the token server ${showAddress(realm)} gave no token.`);
    addHiddenValues([token]);
    return token;
  }

  function readRealm(text = ''): URL {
    if (!URL.canParse(text)) throw fail('the registry names no token server to log in at.');
    const realm = new URL(text);
    if (mayAsk(realm, client.origin)) return realm;
    throw fail(`the registry names a token server without https: ${showAddress(realm)}.`);
  }

  const fail = (problem: string) =>
    new RegistryError(reference, problem, {
      code: 'registry-unreliable',
      hint: `Check the registry's name, and whether \`${loginCommand(host)}\` works.`,
    });

  /** Logs in, once for requests at the same time. Returns whether there is another header than the one that was refused. */
  async function renew(header: string | string[] | undefined, refused: string | undefined): Promise<boolean> {
    if (authorization === refused) {
      renewal ??= authorize(header).finally(() => {
        renewal = undefined;
      });
      authorization = (await renewal) ?? authorization;
    }
    return authorization !== refused;
  }

  return {
    /** The response to a request for a path of the registry, if it has status 200. @throws {RegistryError} otherwise. */
    async get(path: string, accept: string, requestSignal: AbortSignal): Promise<RegistryResponse> {
      const url = new URL(path, client.origin);
      for (let isRepeated = false; ; isRepeated = true) {
        const sent = authorization;
        const response = await client.send({ url, headers: { accept }, authorization: sent }, requestSignal);
        if (response.status === 200) return response;
        const error = await client.unexpected(response);
        // A server that the registry redirects to does not decide where to log in.
        const isRefused = response.status === 401 && response.url.origin === client.origin.origin;
        if (isRepeated || !isRefused || !(await renew(response.headers['www-authenticate'], sent))) throw error;
      }
    },
  };
}

/** The request for a token: by OAuth2 with an identity token, or else with the password, or anonymously. */
function tokenRequest(realm: URL, query: Record<string, string>, found: Credentials | null): RegistryRequest {
  if (found && 'identityToken' in found) {
    const oauth = { grant_type: 'refresh_token', client_id: CLIENT_NAME, refresh_token: found.identityToken };
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    return { url: realm, method: 'POST', headers, body: new URLSearchParams({ ...query, ...oauth }).toString() };
  }
  const url = new URL(realm);
  for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
  return { url, authorization: found ? basic(found) : undefined };
}

const basic = ({ user, password }: { user: string; password: string }) =>
  `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;

/** How a registry asks for a login: https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate */
interface Challenge {
  /** In lowercase: `basic`, `bearer`. */
  scheme: string;
  /** Names in lowercase. */
  parameters: Map<string, string>;
}

const PARAMETER = /[\s,]*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))/y;
const SCHEME_NAME = /[\s,]*([\w-]+)/y;

/** Reads the header WWW-Authenticate, which may be there several times and have several challenges. */
export function readChallenges(header: string | string[] | undefined): Challenge[] {
  return [header ?? []].flat().flatMap(readHeader);
}

function readHeader(text: string): Challenge[] {
  const challenges: Challenge[] = [];
  for (let index = 0; ; ) {
    PARAMETER.lastIndex = index;
    const [, name, quoted, plain = ''] = PARAMETER.exec(text) ?? [];
    if (name !== undefined) {
      const value = quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1');
      challenges.at(-1)?.parameters.set(name.toLowerCase(), value);
      index = PARAMETER.lastIndex;
      continue;
    }
    SCHEME_NAME.lastIndex = index;
    const scheme = SCHEME_NAME.exec(text)?.[1];
    if (scheme === undefined) return challenges;
    challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    index = SCHEME_NAME.lastIndex;
  }
}
