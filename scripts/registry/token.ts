import { z } from 'zod';
import { addHiddenValues } from '../lib/hide.ts';
import { parseJson } from '../lib/parse-json.ts';
import { mayAsk, showAddress } from './address.ts';
import { type Challenge, readChallenges } from './challenges.ts';
import { type Credentials, findCredentials } from './credentials.ts';
import { loginCommand, type Reference } from './reference.ts';
import { CLIENT_NAME, type RegistryClient, type RegistryRequest } from './request.ts';

const MAX_TOKEN_BYTES = 1 << 20;
/** What a header may have. */
const TOKEN = /^[\x21-\x7e]+$/;

const tokenFormat = z.object({ token: z.string().optional(), access_token: z.string().optional() });

/** Logs in to a registry when it asks for it. */
export interface Authorizer {
  /** The header Authorization for the next request; undefined until the registry has asked for one. */
  current(): string | undefined;
  /**
   * Another header, after a registry refused a request with status 401.
   *
   * @param challenges the registry's header WWW-Authenticate.
   * @param refused the header Authorization that the request had.
   * @returns undefined when there is nothing else to log in with.
   */
  renew(challenges: string | string[] | undefined, refused: string | undefined): Promise<string | undefined>;
}

// https://distribution.github.io/distribution/spec/auth/

/** @param limitMs how long a token server may take, in milliseconds. */
export function createAuthorizer(
  reference: Reference,
  client: RegistryClient,
  signal: AbortSignal,
  limitMs: number,
): Authorizer {
  const { host, repository } = reference;
  let current: string | undefined;
  let renewal: Promise<string | undefined> | undefined;
  let credentials: Promise<Credentials | null> | undefined;

  async function authorize(challenges: Challenge[]): Promise<string | undefined> {
    const bearer = challenges.find(({ scheme }) => scheme === 'bearer');
    const isBasic = challenges.some(({ scheme }) => scheme === 'basic');
    if (!bearer && !isBasic) return undefined;
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
      AbortSignal.any([signal, AbortSignal.timeout(limitMs)]),
    );
    if (response.status !== 200) throw await client.unexpected(response);
    const body = await client.readAll(response, MAX_TOKEN_BYTES);
    const { data } = tokenFormat.safeParse(parseJson(body.toString()));
    const token = data?.access_token || data?.token;
    if (!token || !TOKEN.test(token)) throw failure(`the token server ${showAddress(realm)} gave no token.`);
    addHiddenValues([token]);
    return token;
  }

  function readRealm(text = ''): URL {
    if (!URL.canParse(text)) throw failure('the registry names no token server to log in at.');
    const realm = new URL(text);
    if (mayAsk(realm, client.origin)) return realm;
    throw failure(`the registry names a token server without https: ${showAddress(realm)}.`);
  }

  const failure = (message: string) =>
    client.failure(message, {
      code: 'registry-unreliable',
      hint: `Check the registry's name, and whether \`${loginCommand(host)}\` works.`,
    });

  return {
    current: () => current,

    async renew(challenges, refused) {
      // Another request has renewed it meanwhile.
      if (current !== refused) return current;
      renewal ??= authorize(readChallenges(challenges)).finally(() => {
        renewal = undefined;
      });
      const renewed = await renewal;
      if (renewed === refused) return undefined;
      current = renewed ?? current;
      return renewed;
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
