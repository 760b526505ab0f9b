import { z } from 'zod';
import { lenient, type Scanner } from './scanner.ts';

const database = lenient(z.object({ UpdatedAt: lenient(z.string()) }));

/** Since 0.20. Before that, a report was a list. */
const report = z.object({
  SchemaVersion: z.literal(2),
  // Since 0.70: of the server that it has asked, where there is one.
  Trivy: lenient(z.object({ Server: lenient(z.object({ VulnerabilityDB: database })) })),
  Metadata: lenient(z.object({ DiffIDs: lenient(z.array(z.string())) })),
  Results: z
    .array(
      z.object({
        Vulnerabilities: z
          .array(z.object({ Severity: lenient(z.string()), FixedVersion: lenient(z.string()) }))
          .nullish(),
      }),
    )
    .nullish(),
});

const version = z.object({ Version: lenient(z.string()), VulnerabilityDB: database });

/** https://trivy.dev/docs/latest/references/configuration/cli/trivy_image/ */
export const trivy: Scanner = {
  name: 'trivy',
  url: 'https://trivy.dev/docs/latest/getting-started/installation/',
  since: '0.20',
  unreadable: { 'oci-archive': 'Unpacked into a directory, it can be scanned: --image ./DIRECTORY.' },
  hasNegligible: false,
  // An older version ignores a variable that it does not know, but would refuse the option.
  environment: {
    TRIVY_SCANNERS: 'vuln',
    // The name of the same before 0.37.
    TRIVY_SECURITY_CHECKS: 'vuln',
    TRIVY_LIST_ALL_PKGS: 'false',
    TRIVY_EXIT_ON_EOL: '0',
    TRIVY_DISABLE_TELEMETRY: 'true',
    TRIVY_SKIP_VERSION_CHECK: 'true',
    TRIVY_OUTPUT: undefined,
    TRIVY_TEMPLATE: undefined,
  },
  scanArgs: (path) => ['image', '--input', path, '--format', 'json', '--exit-code', '0', '--no-progress'],
  // The command `version` is newer.
  versionArgs: ['--version', '--format', 'json'],
  readReport(document) {
    const { data } = report.safeParse(document);
    return (
      data && {
        database: data.Trivy?.Server?.VulnerabilityDB?.UpdatedAt,
        diffIds: data.Metadata?.DiffIDs,
        findings: (data.Results ?? []).flatMap(({ Vulnerabilities }) =>
          // What has no fix is left out.
          (Vulnerabilities ?? []).map(({ Severity: severity, FixedVersion: fixed }) => {
            return { severity, isFixable: Boolean(fixed) };
          }),
        ),
      }
    );
  },
  readVersion(document) {
    const { data } = version.safeParse(document);
    return { version: data?.Version, database: data?.VulnerabilityDB?.UpdatedAt };
  },
};
