import { redact } from '../../lib/redact.ts';

/** A here-document may be a whole program: only its beginning is kept. In characters. */
const MAX_TEXT_LENGTH = 2000;
const MAX_READ_LENGTH = 20_000;

/** An instruction as it stands in a Dockerfile, without what builders put around it and without secrets. */
export function instructionText(createdBy: string): string | null {
  const instruction = createdBy
    .replace(/^\/bin\/sh -c #\(nop\) +/, '')
    .replace(/^(RUN )?(\|\d+ .*?)?\/bin\/sh -c /, 'RUN ')
    .replace(/ # buildkit$/, '')
    .trim();
  // Shortened after redaction: half a secret would not be recognised.
  const text = redact(instruction.slice(0, MAX_READ_LENGTH));
  return (text.length > MAX_TEXT_LENGTH ? `${text.slice(0, MAX_TEXT_LENGTH)}…` : text) || null;
}

/**
 * The build arguments in an image's history, with their values: `ARG NAME=value` or, before a command, as
 * `|1 NAME=value /bin/sh -c …`, which both of Docker's builders write.
 */
export function buildArguments(createdBy: string): { name: string; value: string }[] {
  const list =
    /^(?:RUN )?\|\d+ (.*?) ?\/bin\/sh -c /.exec(createdBy)?.[1] ??
    /^(?:.*#\(nop\) +)?ARG (.*?)(?: # buildkit)?$/.exec(createdBy)?.[1];
  const pairs = (list ?? '').matchAll(/([A-Za-z_]\w*)=("[^"]*"|'[^']*'|\S*)/g);
  return [...pairs].map(([, name = '', value = '']) => ({ name, value: value.replace(/^["']|["']$/g, '') }));
}
