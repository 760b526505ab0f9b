import { duration, percent, shorten } from '../../lib/format.ts';
import type { Bench } from '../model/bench-schema.ts';
import type { ImageReport, Report } from '../model/report-schema.ts';
import { referenceOf, SHIPPED, subjectName } from '../model/subject.ts';
import { BUILD_FIGURES, differs, FIGURE_KEYS, FIGURES, type FigureKey, START_FIGURES, showSamples } from './figures.ts';
import { type Column, findImage, imageTable, type Section, VARIANT } from './section.ts';

type TimedImage = ImageReport & { bench: Bench };

/** What --bench timed: starts, builds, and how each variant differs from its reference. Empty when nothing was timed. */
export function timeSections(report: Report): Section[] {
  const images = report.images.filter((image): image is TimedImage => image.bench !== null);
  const bench = images[0]?.bench;
  if (!bench) return [];
  const samples = bench.runs === 1 ? 'measured once' : `median of ${bench.runs} (lowest–highest)`;
  return [
    {
      title: `Start, memory and stop: ${samples}`,
      ...imageTable(report, images, [VARIANT, ...figureColumns(START_FIGURES)]),
      notes: [
        'start: from starting the container to the first HTTP response.',
        "node start: from the start of PID 1 to the line that says it listens, by the engine's clock.",
        "stop: from SIGTERM to the end of PID 1, by the engine's clock.",
        `memory: at rest, ${bench.memoryBytes.counter ?? 'n/a'}.`,
        ...reasonNotes(images, START_FIGURES),
      ],
    },
    {
      title: `Builds: ${samples}`,
      ...imageTable(report, images, [VARIANT, ...figureColumns(BUILD_FIGURES), ['steps cached', cachedSteps]]),
      notes: [
        'cold build: the layer cache and the cache mounts are empty, the base images are present.',
        'no change: the same build again. after an edit: a source file got one more line.',
        'new dependency: package.json and the lockfile got one more dependency.',
        'steps cached: in each of the four builds, in this order, without FROM.',
        ...slowestSteps(images),
        ...reasonNotes(images, BUILD_FIGURES),
      ],
    },
    ...againstSections(report, images),
  ];
}

const figureColumns = (keys: readonly FigureKey[]) =>
  keys.map((key): Column<TimedImage> => [FIGURES[key].name, ({ bench }) => showSamples(key, bench[key])]);

function cachedSteps({ bench }: TimedImage): string {
  const steps = BUILD_FIGURES.map((key) => bench[key].steps);
  const total = steps.find((one) => one)?.total;
  return total === undefined ? 'n/a' : `${steps.map((one) => one?.cached ?? '?').join(' · ')} of ${total}`;
}

const slowestSteps = (images: TimedImage[]) =>
  images.flatMap((image) => {
    const slowest = image.bench.buildColdMs.steps?.slowest ?? [];
    const steps = slowest.map(({ name, ms }) => `${stepName(name)} ${duration(ms)}`).join(', ');
    return steps === '' ? [] : [`slowest steps of the cold build: ${subjectName(image)}, ${steps}`];
  });

/** `[builder 4/6] RUN --mount=… npm ci` is known by its stage and command. */
function stepName(name: string): string {
  const [, stage = '', instruction = name] = /^\[(.*?)\s*\d+\/\d+\] (.*)$/.exec(name) ?? [];
  const command = shorten(instruction.replace(/^(\w+)(?: --\S+)+/, '$1'), 40);
  return stage === '' || stage === 'stage-0' ? command : `${stage}: ${command}`;
}

const reasonNotes = (images: TimedImage[], keys: readonly FigureKey[]) =>
  images.flatMap((image) => {
    const missing = keys.filter((key) => image.bench[key].reason !== null);
    return missing.map((key) => `n/a: ${subjectName(image)}, ${FIGURES[key].name}: ${image.bench[key].reason}`);
  });

/** Each variant against the reference of its chapter, and further variants also against `multi`: a table for each of these. */
function againstSections(report: Report, images: TimedImage[]): Section[] {
  const referenceTo = ({ chapter }: TimedImage) => referenceOf(images, chapter, (image) => image);
  const afterOf = (image: TimedImage) => {
    const after = findImage(images, image.chapter, SHIPPED);
    return [image, after].includes(referenceTo(image)) ? undefined : after;
  };
  const compared = [referenceTo, afterOf].flatMap((findOther) =>
    images.flatMap((image) => {
      const other = findOther(image);
      return other && other !== image ? [{ ...image, other }] : [];
    }),
  );
  const columns = FIGURE_KEYS.map(
    (key): Column<(typeof compared)[number]> => [
      FIGURES[key].name,
      ({ bench, other }) => changeCell(key, bench, other.bench),
    ],
  );
  return [...new Set(compared.map(({ other }) => other.variant))].map((variant) => {
    const rows = compared.filter(({ other }) => other.variant === variant);
    return {
      title: `Against ${variant}`,
      ...imageTable(report, rows, [VARIANT, ...columns]),
      notes: [
        '=: the difference is not larger than the spread of either. n/a: one of them was not measured, or only once.',
      ],
    };
  });
}

function changeCell(key: FigureKey, bench: Bench, reference: Bench): string {
  const verdict = differs(key, bench[key], reference[key]);
  if (verdict === null) return 'n/a';
  const ratio = (bench[key].median ?? 0) / (reference[key].median ?? 0) - 1;
  return verdict === 'same' ? '=' : `${verdict === 'less' ? '−' : '+'}${percent(Math.abs(ratio))}`;
}
