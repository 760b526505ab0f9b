import { redact } from './redact.ts';

/** The exit codes of setup and compare, as `--help` lists them. */
export const EXIT = { ok: 0, failed: 1, usage: 2, noEngine: 3, interrupted: 130 } as const;

/**
 * An error that a user can act on: printed without a stack trace.
 *
 * `lines` are the engine's (or another program's) own last lines; `hint` says what to do next.
 */
export class ToolError extends Error {
  readonly exitCode: number;
  readonly lines: string[];
  readonly hint: string | undefined;

  constructor(message: string, details: { exitCode?: number; lines?: string[]; hint?: string } = {}) {
    super(message);
    this.name = 'ToolError';
    this.exitCode = details.exitCode ?? EXIT.failed;
    this.lines = details.lines ?? [];
    this.hint = details.hint;
  }
}

/** An error as text for a person: what failed, the last lines of whoever reported it, what to do next. */
export function describeError(error: unknown): string {
  if (!(error instanceof ToolError)) {
    return error instanceof Error ? error.message : String(error);
  }
  const lines = error.lines.map((line) => `  | ${redact(line)}`);
  return [error.message, ...lines, ...(error.hint ? [error.hint] : [])].join('\n');
}
