import { readFile } from 'node:fs/promises';
import { readSecret, type Settings } from '../model/settings.ts';

/** More of a file is not read, in characters: nobody passes a longer secret. */
const MAX_LENGTH = 1 << 20;

/** The values of build arguments, variables, environment files and secrets: no output may show them. */
export async function readGivenValues({ buildArgs, env, envFile, secrets }: Settings): Promise<string[]> {
  const files = [envFile, ...secrets.map((secret) => readSecret(secret).src)].filter((path) => path !== undefined);
  const texts = await Promise.all(files.map((path) => readFile(path, 'utf8').catch(() => '')));
  const variables = secrets.map((secret) => {
    const { src, env: name, id = '' } = readSecret(secret);
    return src === undefined ? (process.env[name ?? id] ?? '') : '';
  });
  const values = [...Object.values(buildArgs), ...Object.values(env)];
  return [...values, ...[...texts, ...variables].flatMap(partsOf)];
}

/** A file may be one secret, or have one in each line, as a value of its own: `//registry.example/:_authToken=…`. */
function partsOf(text: string): string[] {
  const lines = text.slice(0, MAX_LENGTH).split(/\r?\n/);
  const values = lines.flatMap((line) =>
    [/=\s*(\S.*)$/, /:\s*(\S.*)$/].flatMap((pattern) => pattern.exec(line)?.[1] ?? []),
  );
  const unquoted = values.flatMap((value) => /^(["'])(.*)\1,?$/.exec(value)?.[2] ?? []);
  return [text, ...lines, ...values, ...unquoted].map((part) => part.trim());
}
