/** How names end that hold something to be kept secret, in environments, build arguments and settings. */
const SECRET_NAME =
  /(?:^|[_-])(?:secret|token|passw(?:or)?d|passphrase|credentials?|auth|(?:api|private|access|secret|signing|encryption|account)[_-]?key)(?:[_-]base)?$/i;

/** What tokens of well-known services look like, and a password in an address. */
const SECRET_VALUE =
  /\b(?:npm_[A-Za-z0-9]{36}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{20,}|glpat-[\w-]{20,}|(?:AKIA|ASIA)[A-Z0-9]{16}|xox[abprs]-[\w-]{10,}|sk_live_\w{16,}|eyJ[\w-]{8,2000}\.eyJ[\w-]{8,2000}\.[\w-]+)|(?<=:\/\/[^/\s:@]{0,100}:)[^/\s@]{1,200}(?=@)/g;

const HIDDEN = '***';
/** A here-document may be a whole program: more than its beginning, in characters, is not kept. */
const MAX_TEXT = 2000;

/** Whether a variable looks as if its value were a secret. One that names a file or is empty does not. */
export function looksSecret(name: string, value: string): boolean {
  if (value === '' || value.startsWith('$')) return false;
  return SECRET_NAME.test(name) || value.search(SECRET_VALUE) >= 0;
}

/** A text without what looks like a secret in it. */
export function redact(text: string): string {
  return text
    .replace(SECRET_VALUE, HIDDEN)
    .replace(
      /([\w.-]{1,64})(\s{0,8}=\s{0,8})("[^"]*"|'[^']*'|[^\s"'`;&|]+)/g,
      (whole, name: string, equals: string, value: string) =>
        looksSecret(name, value.replace(/^["']/, '')) ? `${name}${equals}${HIDDEN}` : whole,
    );
}

/** An instruction as it stands in a Dockerfile, without what builders put around it and without secrets. */
export function instructionText(createdBy: string): string | null {
  const text = createdBy
    .replace(/^\/bin\/sh -c #\(nop\) +/, '')
    .replace(/^RUN (\|\d+ .*?)?\/bin\/sh -c /, 'RUN ')
    .replace(/^(\|\d+ .*?)?\/bin\/sh -c /, 'RUN ')
    .replace(/ # buildkit$/, '')
    .trim();
  return redact(text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}…` : text) || null;
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
