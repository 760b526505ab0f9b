import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import type { Location, Log, ReportingDescriptor, Result } from 'sarif';
import { printable, printableLines } from '../../lib/format.ts';
import { PACKAGE_NAME } from '../model/budgets.ts';
import { CATALOG, CODES, type Level } from '../model/finding-catalog.ts';
import type { Finding, ImageReport, Report } from '../model/report-schema.ts';
import { subjectName } from '../model/subject.ts';
import { describeFinding, imageLabel } from './section.ts';
import type { Extras } from './terminal.ts';

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json';
const LEVEL_NAMES = { error: 'error', warning: 'warning', info: 'note' } as const satisfies Record<Level, Result.level>;

/**
 * The findings as SARIF 2.1.0, the format of static analysis tools, for GitHub's code scanning and editors. Images that
 * failed are notifications of the tool. Exceeded budgets are left out, because they have no place in a file.
 * https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
 */
export function renderSarif({ images, createdAt }: Report, { version, below }: Extras = {}): string {
  const log: Log = {
    $schema: SCHEMA,
    version: '2.1.0',
    runs: [
      {
        tool: {
          driver: {
            name: PACKAGE_NAME,
            ...(version && { version, semanticVersion: version }),
            rules: CODES.map(toRule),
          },
        },
        // The category. On GitHub, a later file of the same category replaces this one.
        automationDetails: { id: `${PACKAGE_NAME}/` },
        invocations: [
          {
            executionSuccessful: images.every(({ ok }) => ok),
            endTimeUtc: createdAt,
            toolExecutionNotifications: images
              .filter(({ ok }) => !ok)
              .map((image) => ({
                level: 'error',
                message: toMessage(`${subjectName(image)}: ${image.error ?? 'n/a'}`),
                locations: [toLocation(image, image.errorLine, below)],
              })),
          },
        ],
        columnKind: 'utf16CodeUnits',
        results: images.flatMap((image) => (image.findings ?? []).map((finding) => toResult(finding, image, below))),
      },
    ],
  };
  return JSON.stringify(log, null, 2);
}

/**
 * A message that shows a text as it is. In a message, `[text](address)` is a link: an invisible space prevents that.
 * Section 3.11.6 of https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
const toMessage = (text: string) => ({
  text: printableLines(text).replaceAll('](', ']\u200B('),
});

function toRule(code: (typeof CODES)[number]): ReportingDescriptor {
  const { level, message, why, fix } = CATALOG[code];
  return {
    id: code,
    shortDescription: { text: message },
    fullDescription: { text: why },
    help: { text: `${why}\n\n${fix}` },
    defaultConfiguration: { level: LEVEL_NAMES[level] },
  };
}

function toResult(finding: Finding, image: ImageReport, below?: string): Result {
  const { code, level, line } = finding;
  const { chapter, variant, dockerfile } = image;
  const key = JSON.stringify([code, chapter, variant, dockerfile]);
  return {
    ruleId: code,
    ruleIndex: CODES.indexOf(code),
    level: LEVEL_NAMES[level],
    message: toMessage(`${imageLabel(image)}: ${describeFinding(finding)}`),
    locations: [toLocation(image, line, below)],
    // An image has a finding once, wherever its line is. The name is our own: GitHub's upload adds one of the line's text.
    partialFingerprints: { 'imageAndFinding/v1': createHash('sha256').update(key).digest('hex') },
  };
}

/**
 * The line of the Dockerfile. For an image without a Dockerfile, the address is the name of the image: GitHub refuses a file
 * in which a result has no physical location.
 */
function toLocation(image: ImageReport, line: number | null, below = ''): Location {
  const { source } = image;
  const path = source ? posix.join(below, source.file) : image.variant;
  // The first colon of a relative address would end its scheme.
  const uri = path
    .replace(/\p{Surrogate}/gu, '\uFFFD')
    .split('/')
    .map(encodeURIComponent)
    .join('/');
  return {
    physicalLocation: { artifactLocation: { uri }, region: { startLine: line ?? source?.line ?? 1 } },
    logicalLocations: [{ fullyQualifiedName: printable(subjectName(image)), kind: 'resource' }],
  };
}
