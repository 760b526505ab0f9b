import { duration, percent, printable } from '../../lib/format.ts';
import type { Bench, ImageReport, Report } from '../model/report-schema.ts';
import { AFTER, referenceOf, subjectName } from '../model/subject.ts';
import { BUILD_FIGURES, differs, FIGURE_KEYS, FIGURES, type FigureKey, START_FIGURES, showSamples } from './figures.ts';
import type { Section } from './sections.ts';
import { firstColumn, nameCells } from './size-table.ts';

type Benched = ImageReport & { bench: Bench };

/** What --bench timed: starts, builds, and how each variant differs from its reference. */
export function timeSections(report: Report): Section[] {
  const { images } = report;
  const nameColumns = [firstColumn(report), 'variant'];
  const benched = images.filter((image): image is Benched => image.bench !== null);
  const [first] = benched;
  if (!first) return [];
  const { runs } = first.bench;
  const taken = runs === 1 ? 'one run' : `the median of ${runs}, and from the least to the most`;
  const named = (keys: readonly FigureKey[]) => [...nameColumns, ...keys.map((key) => FIGURES[key].name)];
  const cells = (keys: readonly FigureKey[]) => (image: Benched) => [
    ...nameCells(image),
    ...keys.map((key) => showSamples(key, image.bench[key])),
  ];
  return [
    {
      title: `Start, memory and stop: ${taken}`,
      header: named(START_FIGURES),
      rows: benched.map(cells(START_FIGURES)),
      notes: [
        'start: from asking for the container to its first HTTP answer. node start: from the start of process 1 to its line',
        "that it listens. stop: from SIGTERM to its end. The latter two by the engine's clock.",
        `memory: at rest, ${first.bench.memoryBytes.counter ?? 'n/a'}.`,
        ...reasons(benched, START_FIGURES),
      ],
    },
    {
      title: `Builds: ${taken}`,
      header: [...named(BUILD_FIGURES), 'steps cached'],
      rows: benched.map((image) => [...cells(BUILD_FIGURES)(image), cachedSteps(image)]),
      notes: [
        'cold build: nothing in the layer cache and in cache mounts, base images there. no change: the same again.',
        'after an edit: one more line in a source file. new dependency: one more in package.json and the lock file.',
        'steps cached: of the four builds in this order, FROM not counted.',
        ...slowestSteps(benched),
        ...reasons(benched, BUILD_FIGURES),
      ],
    },
    ...verdicts(benched, nameColumns),
  ];
}

function cachedSteps({ bench }: Benched): string {
  const steps = BUILD_FIGURES.map((key) => bench[key].steps);
  const total = steps.find((one) => one !== null)?.total;
  return total === undefined ? 'n/a' : `${steps.map((one) => one?.cached ?? '?').join(' · ')} of ${total}`;
}

/** The slowest steps of each cold build, a line each. */
function slowestSteps(images: Benched[]): string[] {
  const lines = images.flatMap((image) => {
    const slowest = image.bench.buildColdMs.steps?.slowest ?? [];
    const told = slowest.map(({ name, ms }) => `${stepName(name)} ${duration(ms)}`);
    return told.length === 0 ? [] : [`  ${printable(subjectName(image))}: ${told.join(', ')}`];
  });
  return lines.length === 0 ? [] : ['The slowest steps of a cold build:', ...lines];
}

/** `[builder 4/6] RUN --mount=… npm ci` is known by its stage and command. */
function stepName(name: string): string {
  const [, stage = '', instruction = name] = /^\[(.*?)\s*\d+\/\d+\] (.*)$/.exec(name) ?? [];
  const command = printable(instruction).replace(/^(\w+)(?: --\S+)+/, '$1');
  const short = command.length > 40 ? `${command.slice(0, 39)}…` : command;
  return stage === '' || stage === 'stage-0' ? short : `${stage}: ${short}`;
}

function reasons(images: Benched[], keys: readonly FigureKey[]): string[] {
  return images.flatMap((image) =>
    keys.flatMap((key) => {
      const { reason } = image.bench[key];
      return reason === null
        ? []
        : [`n/a: ${printable(subjectName(image))}, ${FIGURES[key].name}: ${printable(reason)}`];
    }),
  );
}

/** How each variant differs from the one that its chapter's variants are compared with, and further ones from `multi`. */
function verdicts(images: Benched[], nameColumns: string[]): Section[] {
  const references = images.map(({ chapter }) => referenceOf(images, chapter, (one) => one));
  const pairs = images.map((image, index) => ({ image, reference: references[index] }));
  const further = images
    .filter(
      (image, index) => image.variant !== AFTER && references[index]?.variant !== AFTER && references[index] !== image,
    )
    .map((image) => ({
      image,
      reference: images.find((one) => one.chapter === image.chapter && one.variant === AFTER),
    }));
  return [...againstSection(pairs, nameColumns), ...againstSection(further, nameColumns)];
}

function againstSection(all: { image: Benched; reference: Benched | undefined }[], nameColumns: string[]): Section[] {
  const pairs = all.flatMap(({ image, reference }) => (reference && reference !== image ? [{ image, reference }] : []));
  const [first] = pairs;
  if (!first) return [];
  return [
    {
      title: `Against ${printable(first.reference.variant)}`,
      header: [...nameColumns, ...FIGURE_KEYS.map((key) => FIGURES[key].name)],
      rows: pairs.map(({ image, reference }) => [
        ...nameCells(image),
        ...FIGURE_KEYS.map((key) => verdictOf(key, image.bench, reference.bench)),
      ]),
      notes: [
        '=: no difference that is larger than the spread of either. n/a: one of them was not measured, or only once.',
      ],
    },
  ];
}

function verdictOf(key: FigureKey, bench: Bench, reference: Bench): string {
  const verdict = differs(key, bench[key], reference[key]);
  if (verdict === null) return 'n/a';
  return verdict === 'same' ? '=' : ratio(bench[key].median ?? 0, reference[key].median ?? 0);
}

const ratio = (one: number, other: number) => `${one < other ? '−' : '+'}${percent(Math.abs(one - other) / other)}`;
