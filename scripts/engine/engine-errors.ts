import { type ErrorCode, ToolError } from '../lib/errors.ts';

// The engines' command lines report errors only as text. No other file reads that text.

const PATTERNS: [ErrorCode, RegExp][] = [
  ['image-not-found', /no such image/i],
  ['registry-unreachable', /no such host|server misbehaving|name resolution|network is unreachable|no route to host/i],
  ['registry-unreachable', /timeout|timed out|deadline exceeded|awaiting headers|connection (refused|reset)/i],
  // A proxy that the engine does not trust responds instead of the registry.
  ['registry-unreachable', /proxyconnect|x509|: EOF/i],
];

/** Throws an error of the engine's command line, with the code that its last lines stand for if there is one. */
export function throwClassified(error: unknown): never {
  if (!(error instanceof ToolError) || error.code !== 'program-failed') throw error;
  const text = error.lines.join('\n');
  const [code] = PATTERNS.find(([, pattern]) => pattern.test(text)) ?? [];
  throw code ? new ToolError(error.message, { code, lines: error.lines, hint: error.hint }) : error;
}

/** Whether the engine runs, but this user may not use it. */
export const isForbidden = ({ lines }: ToolError) => lines.some((line) => /permission denied/i.test(line));

/** Whether installing an engine would help. */
export const isInstallable = (error: unknown): error is ToolError =>
  error instanceof ToolError && (error.code === 'engine-not-found' || error.code === 'engine-without-buildkit');
