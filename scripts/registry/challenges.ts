/** What a registry requires: https://www.rfc-editor.org/rfc/rfc9110#name-www-authenticate */
export interface Challenge {
  /** In lowercase: `basic`, `bearer`. */
  scheme: string;
  /** Names in lowercase. */
  parameters: Map<string, string>;
}

const PARAMETER = /[\s,]*([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s",]*))/y;
const SCHEME = /[\s,]*([\w-]+)/y;

/** Reads the header WWW-Authenticate, which may be there several times and have several challenges. */
export function readChallenges(header: string | string[] | undefined): Challenge[] {
  return [header ?? []].flat().flatMap(readHeader);
}

function readHeader(text: string): Challenge[] {
  const challenges: Challenge[] = [];
  for (let index = 0; ; ) {
    PARAMETER.lastIndex = index;
    const [, name, quoted, plain = ''] = PARAMETER.exec(text) ?? [];
    if (name !== undefined) {
      const value = quoted === undefined ? plain : quoted.replace(/\\(.)/g, '$1');
      challenges.at(-1)?.parameters.set(name.toLowerCase(), value);
      index = PARAMETER.lastIndex;
      continue;
    }
    SCHEME.lastIndex = index;
    const scheme = SCHEME.exec(text)?.[1];
    if (scheme === undefined) return challenges;
    challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    index = SCHEME.lastIndex;
  }
}
