import { usageError } from '../lib/errors.ts';
import { shorten } from '../lib/format.ts';
import { redact } from '../lib/redact.ts';

/** What the name of an image in a registry begins with. */
export const SCHEME = 'docker://';

/** An image in a registry. */
export interface Reference {
  /** The registry as Docker's settings name it, with its port: `docker.io`, `localhost:5000`. */
  host: string;
  repository: string;
  /** Absent only where there is a digest. Where there are both, the digest counts, as for Docker. */
  tag?: string;
  /** `sha256:` and 64 hexadecimal digits. */
  digest?: string;
  /** The name as Docker prints it: `node:26-slim`, `ghcr.io/owner/app:1.2`. */
  name: string;
}

// https://pkg.go.dev/github.com/distribution/reference
const PATH_PART = '[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*';
const REST = new RegExp(
  `^(?<repository>${PATH_PART}(?:/${PATH_PART})*)(?::(?<tag>\\w[\\w.-]{0,127}))?(?:@(?<digest>sha256:[0-9a-f]{64}))?$`,
);
const HOST_PART = '[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?';
const HOST = new RegExp(`^(?:${HOST_PART}(?:\\.${HOST_PART})*|\\[[a-fA-F0-9:]+\\])(?::[0-9]{1,5})?$`);
const MAX_NAME_LENGTH = 255;

const HUB = 'docker.io';
/** Docker Hub's older name. */
const HUB_INDEX = 'index.docker.io';

const EXPECTED = `Expected ${SCHEME}[HOST[:PORT]/]REPOSITORY[:TAG][@sha256:DIGEST], such as
${SCHEME}ghcr.io/owner/app:1.2. Repositories are lowercase.`;

/**
 * Reads `docker://[HOST[:PORT]/]REPOSITORY[:TAG][@DIGEST]` by Docker's rules. @throws a usage error for anything else.
 */
export function parseReference(text: string): Reference {
  const full = text.startsWith(SCHEME) ? text.slice(SCHEME.length) : '';
  const [host, rest] = splitHost(full);
  const { repository = '', digest, tag = digest ? undefined : 'latest' } = REST.exec(rest)?.groups ?? {};
  const isHost = HOST.test(host) && URL.canParse(`https://${host}/`);
  if (repository === '' || !isHost || host.length + repository.length >= MAX_NAME_LENGTH) {
    throw usageError(`${shorten(redact(text), MAX_NAME_LENGTH)} is not the name of an image in a registry.`, EXPECTED);
  }
  const shown = host === HUB ? repository.replace(/^library\/(?=[^/]+$)/, '') : `${host}/${repository}`;
  const name = `${shown}${tag ? `:${tag}` : ''}${digest ? `@${digest}` : ''}`;
  return { host, repository, ...(tag && { tag }), ...(digest && { digest }), name };
}

/** Splits a name into the registry and the rest. The first part is a registry when it cannot be anything else. */
function splitHost(name: string): [host: string, rest: string] {
  const slash = name.indexOf('/');
  const first = name.slice(0, Math.max(slash, 0));
  const hasHost = /[.:]|^localhost$/.test(first);
  const host = hasHost && first !== HUB_INDEX ? first : HUB;
  const rest = hasHost ? name.slice(slash + 1) : name;
  return [host, host === HUB && !rest.includes('/') ? `library/${rest}` : rest];
}

const HUB_ENDPOINT = 'registry-1.docker.io';
const HUB_CREDENTIALS = 'https://index.docker.io/v1/';

/** The host of a registry's API. Docker Hub's is on a host of its own. */
export const apiHost = (host: string) => (host === HUB ? HUB_ENDPOINT : host);

/** The key of a registry's credentials in Docker's settings and credential helpers. */
export const credentialsKey = (host: string) => (host === HUB ? HUB_CREDENTIALS : host);

/** The command that logs in to a registry. */
export const loginCommand = (host: string) => (host === HUB ? 'docker login' : `docker login ${host}`);
