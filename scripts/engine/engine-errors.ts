import { type ErrorCode, ToolError } from '../lib/errors.ts';
import type { BuildxBuilder } from './engine.ts';

// The engines' command lines report errors only as text. No other file reads that text.

/**
 * Why a registry does not give an image, in the words of Go's network library and of the engines. The first that fits counts.
 * All of them have spaces where the name of an image cannot have any: an image may be called timeout.
 */
const REGISTRY_PATTERNS: [ErrorCode, RegExp][] = [
  ['registry-unreliable', /i\/o timeout|handshake timeout|Client\.Timeout exceeded|deadline exceeded|awaiting headers/],
  ['registry-unreliable', /connection (?:reset|timed out)|broken pipe|: (?:unexpected )?EOF/],
  // In Windows' words.
  ['registry-unreliable', /did not properly respond|forcibly closed/],
  // A proxy or something else responds instead of the registry.
  ['registry-unreliable', /proxyconnect tcp|x509: |tls: |server gave HTTP response to HTTPS client/],
  ['registry-unreliable', /\bstatus\b.*: (?:407|5\d\d) [A-Z]|HTTP (?:407|5\d\d) response/],
  // The status text alone is that of a proxy which refuses the connection.
  [
    'registry-unreliable',
    /": (?:Forbidden|Proxy Authentication Required|Bad Gateway|Service Unavailable|Gateway Timeout)$/,
  ],
  ['registry-unreachable', /no such host|server misbehaving|failure in name resolution/],
  ['registry-unreachable', /network is unreachable|no route to host|connection refused|actively refused/],
];

/** A line in which a builder says that a request to a registry failed. Other lines may have any text of the project. */
const FAILED_REQUEST =
  /^(?:ERROR: )?(?:failed to build: )?failed to solve.*(?:failed to (?:do request|fetch \w+ token)|pulling from host \S+ failed|unexpected status)|^Error: creating build container: .*(?:initializing source docker:\/\/|short-name)/;

/** Podman, for a name without a registry that it has no alias for. */
const SHORT_NAME: [ErrorCode, RegExp] = ['short-name', /short-name ".*" did not resolve to an alias/];

/** Throws an error of `docker pull`, with a code that says whether the registry can be reached. */
export function throwPullError(error: unknown): never {
  throw classify(error, REGISTRY_PATTERNS);
}

/** A line in which BuildKit says that it does not find a base image. */
const MISSING_BASE =
  /^(?:ERROR: )?(?:failed to build: )?failed to solve.*(?:: not found|failed to resolve source metadata|pull access denied)/;

/**
 * Throws an error of a build, with a code if a base image could not be pulled.
 *
 * @param isolated the builder, if it does not have the engine's images.
 */
export function throwBuildError(error: unknown, isolated: BuildxBuilder | null = null): never {
  const classified = classify(error, [...REGISTRY_PATTERNS, SHORT_NAME], (line) => FAILED_REQUEST.test(line));
  if (!isolated || !(classified instanceof ToolError)) throw classified;
  const { message, code, lines } = classified;
  if (!lines.some((line) => MISSING_BASE.test(line) || FAILED_REQUEST.test(line))) throw classified;
  throw new ToolError(message, {
    code,
    lines,
    hint: `The builder ${isolated.name} (${isolated.driver}) does not have the images of the engine: it finds neither stand-ins nor base images that were built here. Without --builder, the engine's own builder is used.`,
  });
}

/** Docker's words, and Podman's: `Error: nope: image not known`, before version 5 also `Error: inspecting object: …`. */
const NO_SUCH_IMAGE =
  /^(?:Error(?: response from daemon)?: )?No such image: |^Error: (?:\S+: image not known|inspecting object: (?:\S+: image not known|.*no such (?:image|object)))/i;

/** Throws an error of a command that names an image or a container. */
export function throwObjectError(error: unknown): never {
  throw classify(error, [['image-not-found', NO_SUCH_IMAGE]]);
}

function classify(
  error: unknown,
  patterns: [ErrorCode, RegExp][],
  isRelevant: (line: string) => boolean = () => true,
): unknown {
  if (!(error instanceof ToolError) || error.code !== 'program-failed') return error;
  const lines = error.lines.filter(isRelevant);
  const [code] = patterns.find(([, pattern]) => lines.some((line) => pattern.test(line))) ?? [];
  return code ? new ToolError(error.message, { code, lines: error.lines, hint: error.hint }) : error;
}

/** Whether the engine runs, but this user may not use it. */
export const isForbidden = ({ lines }: ToolError) =>
  lines.some((line) => /permission denied while trying to connect/i.test(line));

/** Whether installing an engine would help. */
export const isInstallable = (error: unknown): error is ToolError =>
  error instanceof ToolError && (error.code === 'engine-not-found' || error.code === 'engine-without-buildkit');
