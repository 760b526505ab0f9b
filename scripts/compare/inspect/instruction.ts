import { redact } from '../../lib/redact.ts';

/** A here-document may be a whole program: more than its beginning, in characters, is not kept. */
const MAX_TEXT = 2000;
const MAX_READ = 20_000;

/** An instruction as it stands in a Dockerfile, without what builders put around it and without secrets. */
export function instructionText(createdBy: string): string | null {
  const text = createdBy
    .replace(/^\/bin\/sh -c #\(nop\) +/, '')
    .replace(/^RUN (\|\d+ .*?)?\/bin\/sh -c /, 'RUN ')
    .replace(/^(\|\d+ .*?)?\/bin\/sh -c /, 'RUN ')
    .replace(/ # buildkit$/, '')
    .trim();
  // Cut after: half a secret would not be recognised.
  const told = redact(text.slice(0, MAX_READ));
  return (told.length > MAX_TEXT ? `${told.slice(0, MAX_TEXT)}…` : told) || null;
}

/**
 * The build arguments that an image's history tells, with their values: `ARG NAME=value` or, before a command, as
 * `|1 NAME=value /bin/sh -c …`, which both of Docker's builders write.
 */
export function buildArguments(createdBy: string): { name: string; value: string }[] {
  const given =
    /^(?:RUN )?\|\d+ (.*?) ?\/bin\/sh -c /.exec(createdBy)?.[1] ??
    /^(?:.*#\(nop\) +)?ARG (.*?)(?: # buildkit)?$/.exec(createdBy)?.[1];
  const pairs = (given ?? '').matchAll(/([A-Za-z_]\w*)=("[^"]*"|'[^']*'|\S*)/g);
  return [...pairs].map(([, name = '', value = '']) => ({ name, value: value.replace(/^["']|["']$/g, '') }));
}
