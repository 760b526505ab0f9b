import { BEHAVIOURS, type Behaviour } from '../behaviour/catalog.ts';
import { referenceOf, subjectName } from '../subjects/chapters.ts';
import { BUILD_FIGURES, differs, FIGURE_KEYS, FIGURES, type FigureKey, START_FIGURES, showSamples } from './figures.ts';
import { bytes, duration, percent, printable } from './format.ts';
import { imageLabel } from './rows.ts';
import type { Bench, ImageReport, Report } from './schema.ts';

/** A table with a title and notes: one for the terminal and for Markdown. */
export interface Section {
  title: string;
  header: string[];
  /** The first two cells are the chapter and the variant. */
  rows: string[][];
  notes: string[];
}

/** What was timed, reckoned and tried, where it was. */
export function sections(report: Report): Section[] {
  return [...timeSections(report), ...rolloutSection(report), ...behaviourSection(report)];
}

type Benched = ImageReport & { bench: Bench };

function timeSections({ images }: Report): Section[] {
  const benched = images.filter((image): image is Benched => image.bench !== null);
  const [first] = benched;
  if (!first) return [];
  const { runs } = first.bench;
  const named = (keys: readonly FigureKey[]) => ['chapter', 'variant', ...keys.map((key) => FIGURES[key].name)];
  const cells = (keys: readonly FigureKey[]) => (image: Benched) => [
    ...nameCells(image),
    ...keys.map((key) => showSamples(key, image.bench[key])),
  ];
  return [
    {
      title: `Start, memory and stop: the median of ${runs}${runs > 1 ? ', and from the least to the most' : ''}`,
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
      title: `Builds: the median of ${runs}${runs > 1 ? ', and from the least to the most' : ''}`,
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
    ...verdicts(benched),
  ];
}

const nameCells = (image: ImageReport) => [
  image.chapter,
  `${printable(image.variant)}${image.standIn ? ' (stand-in)' : ''}`,
];

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

/** How each variant differs from the one that its chapter's variants are compared with. */
function verdicts(images: Benched[]): Section[] {
  const pairs = images.flatMap((image) => {
    const reference = referenceOf(images, image.chapter, (one) => one);
    return reference && reference !== image ? [{ image, reference }] : [];
  });
  const [first] = pairs;
  if (!first) return [];
  return [
    {
      title: `Against ${printable(first.reference.variant)}`,
      header: ['chapter', 'variant', ...FIGURE_KEYS.map((key) => FIGURES[key].name)],
      rows: pairs.map(({ image, reference }) => [
        ...nameCells(image),
        ...FIGURE_KEYS.map((key) => verdictOf(key, image.bench, reference.bench)),
      ]),
      notes: ['=: no difference that is larger than the spread of either.'],
    },
  ];
}

function verdictOf(key: FigureKey, bench: Bench, reference: Bench): string {
  const verdict = differs(key, bench[key], reference[key]);
  if (verdict === null) return 'n/a';
  return verdict === 'same' ? '=' : ratio(bench[key].median ?? 0, reference[key].median ?? 0);
}

const ratio = (one: number, other: number) => `${one < other ? '−' : '+'}${percent(Math.abs(one - other) / other)}`;

function rolloutSection({ images }: Report): Section[] {
  const rolled = images.flatMap((image) =>
    image.rollout && image.size ? [{ ...image, ...image.rollout, size: image.size }] : [],
  );
  const [first] = rolled;
  if (!first) return [];
  const { pulls, linkBitsPerSecond: link } = first;
  return [
    {
      title: 'A rollout, reckoned from the pull sizes',
      header: [
        'chapter',
        'variant',
        'pull',
        `${pulls.toLocaleString('en')} pulls`,
        ...(link === null ? [] : [`a node waits, at ${bandwidth(link)}`]),
      ],
      rows: rolled.map((image) => [
        ...nameCells(image),
        bytes(image.size.pullBytes),
        bytes(image.bytes),
        ...(image.waitMs === null ? [] : [duration(image.waitMs)]),
      ]),
      notes: [
        'Arithmetic on the measured sizes, not a measurement: no layer is there yet, nothing else uses the link, and what it',
        `takes to unpack is not in it.${link === null ? ' How long a node waits: --link 100Mbps' : ''}`,
      ],
    },
  ];
}

/** Bits per second as a person writes them. */
function bandwidth(bitsPerSecond: number): string {
  const [unit, name] = bitsPerSecond >= 1e9 ? [1e9, 'Gbps'] : bitsPerSecond >= 1e6 ? [1e6, 'Mbps'] : [1e3, 'kbps'];
  return `${Number((bitsPerSecond / unit).toFixed(2))} ${name}`;
}

function behaviourSection({ images }: Report): Section[] {
  const tried = images.flatMap((image) => (image.behaviour ? [{ ...image, behaviour: image.behaviour }] : []));
  if (tried.length === 0) return [];
  const names = Object.keys(BEHAVIOURS) as Behaviour[];
  const rows = tried.map((image) => [
    ...nameCells(image),
    ...names.map((name) => {
      const ok = image.behaviour.find((one) => one.name === name)?.ok ?? null;
      return ok === null ? 'n/a' : ok ? 'ok' : 'MISS';
    }),
  ]);
  return [
    {
      title: 'Behaviour',
      header: ['chapter', 'variant', ...names.map((name) => BEHAVIOURS[name].head)],
      rows,
      notes: [...names.map((name) => `${BEHAVIOURS[name].head}: ${BEHAVIOURS[name].means}.`), ...tried.flatMap(misses)],
    },
  ];
}

/** Why an image misses something, the same reason once. */
function misses({ behaviour, ...image }: ImageReport & { behaviour: NonNullable<ImageReport['behaviour']> }): string[] {
  const byReason = new Map<string, { ok: boolean | null; heads: string[] }>();
  for (const { name, ok, reason } of behaviour) {
    if (ok === true) continue;
    const known = byReason.get(`${ok}${reason}`);
    if (known) known.heads.push(BEHAVIOURS[name].head);
    else byReason.set(`${ok}${reason}`, { ok, heads: [BEHAVIOURS[name].head] });
  }
  return [...byReason].map(
    ([key, { ok, heads }]) =>
      `${ok === null ? 'n/a' : 'MISS'}: ${printable(imageLabel({ ...image, behaviour }))}, ${heads.join(', ')}: ${printable(key.slice(String(ok).length))}`,
  );
}
