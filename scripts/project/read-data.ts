import { parse } from 'yaml';

export type Data = Record<string, unknown>;

/** A larger text is not parsed as YAML, which takes up to some seconds per megabyte; nor is a deeper one, which takes far more. */
const YAML_LIMIT = 4 << 20;
const DEEP = /(?:[[{]\s?){40}/;

/** An object of a file that may hold anything; empty when it is something else. */
export const mapOf = (value: unknown): Data =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Data) : {};
/** The strings of a list, or of one string. */
export const listOf = (value: unknown) => [value].flat().filter((one) => typeof one === 'string');
export const textOf = (value: unknown) => (typeof value === 'string' ? value : null);

/** A YAML file as an object, empty when it cannot be read: its last document, because pnpm 11 writes one of its own in front. */
export function readYaml(text: string | null): Data {
  const document = (text ?? '').split(/^---$/m).at(-1) ?? '';
  if (document.length > YAML_LIMIT || DEEP.test(document)) return {};
  try {
    return mapOf(parse(document, { logLevel: 'silent', uniqueKeys: false }));
  } catch {
    return {};
  }
}
