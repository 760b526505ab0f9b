/** How names end that hold something to be kept secret, in environments, build arguments and settings. */
const SECRET_NAME =
  /(?:^|[_-])(?:secret|token|passw(?:or)?d|passphrase|credentials?|auth|(?:api|private|access|secret|signing|encryption|account)[_-]?key)(?:[_-]base)?$/i;

/** What tokens of well-known services look like, a password in an address, and a private key. */
const SECRET_VALUE =
  /\b(?:npm_[A-Za-z0-9]{36}|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{20,}|glpat-[\w-]{20,}|(?:AKIA|ASIA)[A-Z0-9]{16}|xox[abprs]-[\w-]{10,}|sk_live_\w{16,}|eyJ[\w-]{8,2000}\.eyJ[\w-]{8,2000}\.[\w-]+)|(?<=:\/\/[^/\s:@]{0,100}:)[^/\s@]{1,200}(?=@)|(?<=\b(?:Bearer|Basic) )[\w.~+/=-]{6,}|(?<=-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)[\s\S]{1,5000}/g;

/** What stands for a secret. */
export const HIDDEN = '***';

/** Whether a variable looks as if its value were a secret. One that names a file or is empty does not. */
export function looksSecret(name: string, value: string): boolean {
  if (value === '' || value.startsWith('$')) return false;
  const words = name.replace(/([a-z])([A-Z])/g, '$1_$2');
  return SECRET_NAME.test(words) || value.search(SECRET_VALUE) >= 0;
}

/** NAME=value, name: value, "name":"value", --name value */
const PAIR =
  /(?<![\w.-])([\w.-]+)(["']?\s{0,8}[=:]\s{0,8}|\s{1,8}(?<=--[\w.-]{1,64}\s{1,8}))("[^"]*"|'[^']*'|[^\s"'`;&|\\,=)]+)/g;

const MAX_PAIRS_IN_VALUE = 10;

/** A text without what looks like a secret in it. */
export function redact(text: string): string {
  const all = text.replace(SECRET_VALUE, HIDDEN);
  const pairs = new RegExp(PAIR);
  let shown = '';
  let end = 0;
  // Where the value ends that is being read once more, and how often it was.
  let [valueEnd, count] = [0, 0];
  for (let pair = pairs.exec(all); pair; pair = pairs.exec(all)) {
    const [, name = '', equals = '', value = ''] = pair;
    const begin = pair.index + name.length + equals.length;
    if (looksSecret(name, value.replace(/^["']/, ''))) {
      shown += all.slice(end, begin) + HIDDEN;
      end = pairs.lastIndex;
      continue;
    }
    count = begin < valueEnd ? count + 1 : 0;
    valueEnd = Math.max(valueEnd, pairs.lastIndex);
    // The value may itself be the name of a pair, as in `error: NAME=value`. A long one is not read over and over.
    if (count < MAX_PAIRS_IN_VALUE) pairs.lastIndex = begin;
  }
  return shown + all.slice(end);
}
