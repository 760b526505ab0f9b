import { type ErrorCode, ToolError } from '../lib/errors.ts';

// The engines' command lines report errors as text only. This is the one place that reads it.

const PATTERNS: [ErrorCode, RegExp][] = [
  ['image-not-found', /no such image/i],
  [
    'registry-unreachable',
    new RegExp(
      [
        'no such host',
        'server misbehaving',
        'name resolution',
        'timeout',
        'timed out',
        'deadline exceeded',
        'awaiting headers',
        'connection (refused|reset)',
        'network is unreachable',
        'no route to host',
        'proxyconnect',
        // A proxy that the engine does not trust answers in the registry's place.
        'x509',
        ': EOF',
      ].join('|'),
      'i',
    ),
  ],
];

/** An error of the engine's command line with the code that its last lines stand for, where they stand for one. */
export function classifyEngineError(error: unknown): unknown {
  if (!(error instanceof ToolError) || error.code !== 'program-failed') return error;
  const text = error.lines.join('\n');
  const [code] = PATTERNS.find(([, pattern]) => pattern.test(text)) ?? [];
  return code ? new ToolError(error.message, { code, lines: error.lines, hint: error.hint }) : error;
}

/** Whether the engine answers, but not to this user. */
export const isForbidden = ({ lines }: ToolError) => lines.some((line) => /permission denied/i.test(line));

/** Whether installing an engine would help. */
export const isInstallable = (error: unknown): error is ToolError =>
  error instanceof ToolError && (error.code === 'engine-not-found' || error.code === 'engine-without-buildkit');
