import type { BehaviourResult, Contents } from './report-schema.ts';

type Json = Record<string, unknown>;

interface ImageV1 extends Json {
  contents?: { packages: Json[]; waste: Json[] } | null;
  behaviour?: { name: string }[] | null;
}

/**
 * A report of schema version 1 as version 2 has it: keys that were renamed, without what is no longer measured. Other
 * documents are returned as they are. The schema checks the result.
 */
export function upgradeReport(document: unknown): unknown {
  const report = document as { schemaVersion?: unknown; images?: ImageV1[] } | null;
  if (report?.schemaVersion !== 1 || !Array.isArray(report.images)) return document;
  return { ...report, schemaVersion: 2, images: report.images.map(upgradeImage) };
}

const PACKAGE_KEYS: Record<string, keyof Contents['packages'][number]> = { broughtBy: 'requiredBy' };
const WASTE_KEYS: Record<string, keyof Contents['waste'][number]> = { goneIn: 'removedIn', goneBy: 'removedBy' };
const BEHAVIOURS: Record<string, BehaviourResult['name'] | null> = {
  'same-answers': 'same-responses',
  'process-1': 'pid-1',
  zombies: null,
};

function upgradeImage({ contents, behaviour, ...image }: ImageV1): Json {
  return {
    errorCode: null,
    ...image,
    contents: contents && {
      ...contents,
      packages: contents.packages.map((one) => renameKeys(one, PACKAGE_KEYS)),
      waste: contents.waste.map((one) => renameKeys(one, WASTE_KEYS)),
    },
    behaviour: behaviour?.flatMap((result) => {
      const name = BEHAVIOURS[result.name] === undefined ? result.name : BEHAVIOURS[result.name];
      return name === null ? [] : { ...result, name };
    }),
  };
}

const renameKeys = (object: Json, names: Record<string, string>): Json =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [names[key] ?? key, value]));
