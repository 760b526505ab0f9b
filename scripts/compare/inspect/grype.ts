import { z } from 'zod';
import { lenient, type Scanner } from './scanner.ts';

const fix = z.object({ state: lenient(z.string()), versions: lenient(z.array(z.unknown())) });

const report = z.object({
  matches: z.array(z.object({ vulnerability: z.object({ severity: lenient(z.string()), fix: lenient(fix) }) })),
  descriptor: z.object({
    name: z.literal('grype'),
    version: lenient(z.string()),
    // `built` until 0.87, `status.built` since 0.88.
    db: lenient(z.object({ built: lenient(z.string()), status: lenient(z.object({ built: lenient(z.string()) })) })),
  }),
  source: lenient(
    z.object({ target: lenient(z.object({ layers: lenient(z.array(z.object({ digest: z.string() }))) })) }),
  ),
});

const version = z.object({ version: lenient(z.string()) });

/** https://github.com/anchore/grype#readme */
export const grype: Scanner = {
  name: 'grype',
  url: 'https://github.com/anchore/grype#installation',
  since: '0.10',
  unreadable: {},
  hasNegligible: true,
  environment: { GRYPE_CHECK_FOR_APP_UPDATE: 'false', GRYPE_FILE: undefined, GRYPE_OUTPUT_TEMPLATE_FILE: undefined },
  // The forms have the names of its sources.
  scanArgs: (path, form) => [`${form}:${path}`, '-o', 'json'],
  versionArgs: ['version', '-o', 'json'],
  readReport(document) {
    const { data } = report.safeParse(document);
    if (!data) return undefined;
    const { db, version: ofScanner } = data.descriptor;
    return {
      version: ofScanner,
      database: db?.status?.built ?? db?.built,
      diffIds: data.source?.target?.layers?.map(({ digest }) => digest),
      findings: data.matches.map(({ vulnerability: { severity, fix: found } }) => {
        const isFixable = found ? found.state === 'fixed' || (found.versions ?? []).length > 0 : undefined;
        return { severity, isFixable };
      }),
    };
  },
  readVersion: (document) => ({ version: version.safeParse(document).data?.version }),
};
