import { hide } from './hide.ts';
import { redact } from './redact.ts';

/**
 * The codes of the errors that a user can act on, each with the exit code of the program. Code decides by these and never
 * by the text of a message. Exit codes of signals are 128 plus the signal's number; 13 is that of SIGPIPE.
 */
const EXIT_CODES = {
  failed: 1,
  'program-failed': 1,
  'timed-out': 1,
  'image-not-found': 1,
  'registry-unreachable': 1,
  'registry-unreliable': 1,
  'short-name': 1,
  'wrong-responder': 1,
  usage: 2,
  'engine-not-found': 3,
  'engine-forbidden': 3,
  'engine-without-buildkit': 3,
  hangup: 129,
  interrupted: 130,
  'output-closed': 141,
  terminated: 143,
} as const;

export type ErrorCode = keyof typeof EXIT_CODES;

/** The exit codes that a program returns by itself, as `--help` lists them. */
export const EXIT = { ok: 0, failed: EXIT_CODES.failed } as const;

/** A place in a Dockerfile. */
export interface Place {
  /** The line that the instruction begins at; from 1. */
  line: number;
  /** The instruction on one line, without what looks like a secret; a long one is cut off. */
  instruction: string;
}

/**
 * An error that a user can act on: printed without a stack trace.
 *
 * `lines` are the last lines that the engine or another program printed; `place` is the instruction of the Dockerfile that
 * failed, where it is known; `hint` says what to do next.
 */
export class ToolError extends Error {
  override readonly name = 'ToolError';
  readonly code: ErrorCode;
  readonly lines: string[];
  readonly place: Place | undefined;
  readonly hint: string | undefined;

  constructor(message: string, details: { code?: ErrorCode; lines?: string[]; place?: Place; hint?: string } = {}) {
    super(message);
    this.code = details.code ?? 'failed';
    this.lines = details.lines ?? [];
    this.place = details.place;
    this.hint = details.hint;
  }

  get exitCode(): number {
    return EXIT_CODES[this.code];
  }
}

/** An error in the command line or a configuration file. */
export const usageError = (message: string, hint?: string) => new ToolError(message, { code: 'usage', hint });

/** The exit code of a program that an error ends. */
export const exitCodeOf = (error: unknown): number => (error instanceof ToolError ? error.exitCode : EXIT.failed);

/** An error as text for a person: what failed, the last lines of the program that reported it, what to do next. */
export function describeError(error: unknown): string {
  if (!(error instanceof ToolError)) return hide(error instanceof Error ? error.message : String(error));
  const lines = error.lines.map((line) => `  | ${redact(line)}`);
  return hide([error.message, ...lines, ...(error.hint ? [error.hint] : [])].join('\n'));
}

/** An error in one line: its message, and of the program that reported it the line with its error, or else the last. */
export function summarizeError(error: unknown): string {
  if (!(error instanceof ToolError)) return hide(error instanceof Error ? error.message : String(error));
  const { message, lines } = error;
  const line = (lines.find((one) => /^\w*Error\b[^:]*: /.test(one)) ?? lines.at(-1))?.trim();
  return hide(line === undefined ? message : `${message}${/[.:]$/.test(message) ? '' : ':'} ${line}`);
}
