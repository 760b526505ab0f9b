import { randomUUID } from 'node:crypto';
import { posix } from 'node:path';
import { printable, printableLines, shorten } from '../../lib/format.ts';
import { CATALOG, type Level } from '../model/finding-catalog.ts';
import type { Finding, ImageReport, Report } from '../model/report-schema.ts';
import { SHIPPED, subjectName } from '../model/subject.ts';
import type { Changes } from './changes.ts';
import type { CheckResult } from './check-budgets.ts';
import { describeFinding, imageLabel } from './section.ts';
import type { Extras } from './terminal.ts';

/** GitHub shows no more annotations of each kind that one step prints. */
const MAX_OF_EACH_KIND = 10;
const MAX_TITLE = 200;

interface Annotation {
  kind: Exclude<Level, 'info'>;
  title: string;
  message: string;
  /** Null for an image that was given by name, and for a Dockerfile outside of the repository. */
  place: { file: string; line: number } | null;
}

/**
 * The workflow commands that annotate Dockerfiles on GitHub, a line each: images that failed, exceeded budgets, and findings
 * of the levels error and warning, in this order. A finding that a budget forbids is an error, and is annotated once.
 *
 * Findings that the base image brings by itself are only annotated where a budget forbids them: they would appear on every
 * pull request, whatever it changes. All findings are in the table and in the other outputs.
 */
export function renderAnnotations(report: Report, { check = [], below }: Extras = {}): string[] {
  const forbidden = check.filter(({ status }) => status === 'FAIL');
  const annotations = [
    ...report.images.filter(({ ok }) => !ok).map((image) => annotateFailure(image, below)),
    ...forbidden.flatMap((result) => annotateBudget(report, result, below)),
    ...report.images.flatMap((image) => annotateFindings(image, forbidden, below)),
  ];
  const ofKind = (expected: Annotation['kind']) => annotations.filter(({ kind }) => kind === expected);
  const shown = (['error', 'warning'] as const).flatMap((kind) => ofKind(kind).slice(0, MAX_OF_EACH_KIND));
  const rest = annotations.length - shown.length;
  const note = `::notice::${rest} more are in the table: GitHub shows ${MAX_OF_EACH_KIND} annotations of each kind.`;
  return [...shown.map(toCommand), ...(rest > 0 ? [note] : [])];
}

function annotateFailure(image: ImageReport, below?: string): Annotation {
  const place = findPlace(image, image.errorLine, below);
  return { kind: 'error', title: `FAILED ${imageLabel(image)}`, message: image.error ?? 'n/a', place };
}

function annotateBudget({ images }: Report, result: CheckResult, below?: string): Annotation[] {
  const image = images.find((one) => imageLabel(one) === result.image);
  // One that failed is annotated already.
  if (!image?.ok) return [];
  const finding = image.findings?.find(({ code }) => code === result.code);
  const place = findPlace(image, finding?.line, below);
  const message = [result.text, finding ? CATALOG[finding.code].fix : (result.advice ?? '')].filter(Boolean).join('\n');
  return [{ kind: 'error', title: `Budget exceeded: ${result.image}, ${result.what}`, message, place }];
}

function annotateFindings(image: ImageReport, forbidden: CheckResult[], below?: string): Annotation[] {
  const label = imageLabel(image);
  return (image.findings ?? []).flatMap((finding) => {
    const { code, level, line } = finding;
    const isAnnotated = forbidden.some((result) => result.image === label && result.code === code);
    if (level === 'info' || isAnnotated || isOfBase(finding, image)) return [];
    const text = `${describeFinding(finding)}\n${CATALOG[code].fix}`;
    return [{ kind: level, title: `${code}: ${label}`, message: text, place: findPlace(image, line, below) }];
  });
}

/** The line of an instruction, or else that of the last FROM. `below` is the directory that the paths are relative to. */
function findPlace({ source }: ImageReport, line: number | null | undefined, below = ''): Annotation['place'] {
  if (!source) return null;
  const file = posix.join(below, source.file);
  return /^(\.\.(\/|$)|\/|[A-Za-z]:)/.test(file) ? null : { file, line: line ?? source.line };
}

/** Whether the base image brings everything that a finding is about. A Dockerfile changes it only by another base image. */
const isOfBase = ({ evidence }: Finding, { baseLayers }: ImageReport) =>
  evidence.every(({ layer }) => layer !== null && layer < (baseLayers ?? 0));

// https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands
const escapeData = (text: string) => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
const escapeProperty = (text: string) => escapeData(text).replaceAll(':', '%3A').replaceAll(',', '%2C');

function toCommand({ kind, title, message, place }: Annotation): string {
  const properties = { ...(place && { file: place.file, line: String(place.line) }), title: shorten(title, MAX_TITLE) };
  const pairs = Object.entries(properties).map(([name, value]) => `${name}=${escapeProperty(printable(value))}`);
  return `::${kind} ${pairs.join(',')}::${escapeData(printableLines(message))}`;
}

/** What a step's outputs are made of, in addition to the report. */
interface OutputExtras {
  changes?: Changes;
  /** The absolute path of the report, if it was written to a file. */
  reportPath?: string;
  /** Whether the program ends with exit code 1. */
  failed: boolean;
}

/**
 * The outputs of the step, all texts. Sizes are in bytes. A difference has a minus sign if the image became smaller, and is
 * empty without an earlier report to compare with. What was not measured is empty.
 *
 * - `image`: the image to ship, which has the sizes of the next four outputs: the first variant `multi`, or else the first
 *   `Dockerfile`, or else the first image
 * - `unpacked-bytes`, `download-bytes`: its sizes
 * - `unpacked-difference`, `download-difference`: by how much they differ from those of the earlier report (--baseline)
 * - `sizes`: the same of all images, as JSON: a list of objects with `image`, `ok`, `standIn`, `unpackedBytes`,
 *   `downloadBytes`, `unpackedDifference` and `downloadDifference`; what is empty above is null
 * - `report`: the absolute path of the file that --json names; empty without one
 * - `failed`: `true` where an image failed, a budget is exceeded or a check of --strict failed, otherwise `false`
 */
export function createStepOutputs({ images }: Report, { changes, reportPath = '', failed }: OutputExtras) {
  const sizes = images.map((image, index) => {
    // Images that are only in the older report come after those of this one.
    const difference = changes?.images[index]?.difference;
    return {
      image: subjectName(image),
      ok: image.ok,
      standIn: image.standIn,
      unpackedBytes: image.size?.unpackedBytes ?? null,
      downloadBytes: image.size?.pullBytes ?? null,
      unpackedDifference: difference?.unpackedBytes ?? null,
      downloadDifference: difference?.pullBytes ?? null,
    };
  });
  const indexes = [SHIPPED, 'Dockerfile'].map((name) => images.findIndex(({ variant }) => variant === name));
  const shipped = sizes[indexes.find((index) => index >= 0) ?? 0];
  return {
    image: shipped?.image ?? '',
    'unpacked-bytes': String(shipped?.unpackedBytes ?? ''),
    'download-bytes': String(shipped?.downloadBytes ?? ''),
    'unpacked-difference': String(shipped?.unpackedDifference ?? ''),
    'download-difference': String(shipped?.downloadDifference ?? ''),
    sizes: JSON.stringify(sizes),
    report: reportPath,
    failed: String(failed),
  };
}

/** Outputs as lines of the file that GITHUB_OUTPUT names. No text can end a value of several lines: its mark is random. */
export function renderStepOutputs(outputs: Record<string, string>): string {
  const lines = Object.entries(outputs).map(([name, value]) => {
    const end = randomUUID();
    return /[\r\n]/.test(value) ? `${name}<<${end}\n${value}\n${end}\n` : `${name}=${value}\n`;
  });
  return lines.join('');
}
