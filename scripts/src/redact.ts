/** How names end that hold something to be kept secret, in environments, build arguments and settings. */
const SECRET_NAME =
  /(?:^|[_-])(?:secret|token|passw(?:or)?d|passphrase|credentials?|auth|(?:api|private|access|secret|signing|encryption|account)[_-]?key)(?:[_-]base)?$/i;

/** What tokens of well-known services look like, and a password in an address. */
const SECRET_VALUE =
  /\b(?:npm_[A-Za-z0-9]{36}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{20,}|glpat-[\w-]{20,}|(?:AKIA|ASIA)[A-Z0-9]{16}|xox[abprs]-[\w-]{10,}|sk_live_\w{16,}|eyJ[\w-]{8,2000}\.eyJ[\w-]{8,2000}\.[\w-]+)|(?<=:\/\/[^/\s:@]{0,100}:)[^/\s@]{1,200}(?=@)/g;

const HIDDEN = '***';

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
