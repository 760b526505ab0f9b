import type { BehaviourResult, Contents } from './report-schema.ts';

/** The keys that version 2 renamed. Each is used for one thing only. */
const RENAMED_KEYS = new Map<string, keyof Contents['packages'][number] | keyof Contents['waste'][number]>([
  ['broughtBy', 'requiredBy'],
  ['goneIn', 'removedIn'],
  ['goneBy', 'removedBy'],
]);

/** The behaviours that version 2 renamed. */
const RENAMED_BEHAVIOURS = new Map<unknown, BehaviourResult['name']>([
  ['same-answers', 'same-responses'],
  ['process-1', 'pid-1'],
]);

const REMOVED_BEHAVIOUR = 'zombies';

/**
 * A report of schema version 1 as one of version 2. Every other document is returned as it is. The schema checks the result
 * and drops what version 2 does not have: the arithmetic of rollouts, and the texts about mistakes.
 */
export function upgradeReport(document: unknown): unknown {
  return isObject(document) && document.schemaVersion === 1 ? { ...renameKeys(document), schemaVersion: 2 } : document;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const renameKeys = (object: Record<string, unknown>) =>
  Object.fromEntries(
    Object.entries(object).map(([key, value]) => [
      RENAMED_KEYS.get(key) ?? key,
      key === 'behaviour' && Array.isArray(value) ? upgradeBehaviour(value) : upgradeValue(value),
    ]),
  );

function upgradeValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(upgradeValue);
  return isObject(value) ? renameKeys(value) : value;
}

const upgradeBehaviour = (results: unknown[]) =>
  results
    .filter((result) => !isObject(result) || result.name !== REMOVED_BEHAVIOUR)
    .map((result) =>
      isObject(result) ? { ...result, name: RENAMED_BEHAVIOURS.get(result.name) ?? result.name } : result,
    );
