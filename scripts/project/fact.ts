/** Something that is known of a project, and where it was read: `EXPOSE in Dockerfile`, `packageManager in package.json`. */
export interface Fact<T> {
  value: T;
  source: string;
}

export const fact = <T>(value: T, source: string): Fact<T> => ({ value, source });

/** The first fact that there is, in the order of trust. */
export function firstFact<T>(...facts: (Fact<T> | null | undefined)[]): Fact<T> | null {
  return facts.find((one) => one !== null && one !== undefined) ?? null;
}
