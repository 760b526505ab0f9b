import { z } from 'zod';
import { CODES, LEVELS } from './finding-catalog.ts';

/** The name of the configuration file of the repository and of each project. */
export const CONFIG_NAME = 'compare.config.json';

/** The name of the package, under which a project may have its configuration as well. */
export const PACKAGE_NAME = 'compare-dockerfiles';

const UNITS = { B: 1, kB: 1e3, MB: 1e6, GB: 1e9, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30 };
const LIMIT = /^(\d+(?:\.\d+)?) ?(?:(B|kB|MB|GB|KiB|MiB|GiB)|% of (\S.*))$/;

const EXPECTED = 'expects a size, such as "60 MB", or a part of another variant, such as "60% of single"';
const limit = z.string(EXPECTED).regex(LIMIT, EXPECTED);
const limits = z.union([limit, z.array(limit).min(1)], `${EXPECTED}, or a list of both`).optional();
const finding = z.enum([...LEVELS, ...CODES]);
const findings = z.array(finding).min(1).optional();

/** Names that limits had before the columns of the table were renamed. */
const OLD_NAMES: Record<string, string> = { onDisk: 'unpacked', pull: 'download' };

/** The limits of one image. */
export const budgetSchema = z.preprocess(
  (budget) => {
    if (typeof budget !== 'object' || budget === null) return budget;
    return Object.fromEntries(Object.entries(budget).map(([name, value]) => [OLD_NAMES[name] ?? name, value]));
  },
  z.strictObject({
    unpacked: limits.describe('The largest unpacked size: "200 MB", "60% of single", or a list of both'),
    download: limits.describe('The largest download size'),
    findings: findings.describe('The findings that fail: codes, or a level, which includes all worse levels'),
  }),
);

export type Budget = z.infer<typeof budgetSchema>;

/** Budgets by chapter or project, and by variant. */
export type Budgets = Record<string, Record<string, Budget>>;

/** Reads a limit: in bytes, or as a part of another variant. */
export function parseLimit(text: string): { bytes: number } | { ratio: number; of: string } {
  const [, number, unit, of] = LIMIT.exec(text) ?? [];
  return of === undefined
    ? { bytes: Number(number) * UNITS[unit as keyof typeof UNITS] }
    : { ratio: Number(number) / 100, of };
}
