import { styleText } from 'node:util';
import prettyBytes from 'pretty-bytes';
import { table } from 'table';
import type { Comparison, ImageReport, Report } from './schema.ts';

const HEADER = ['chapter', 'variant', 'base image', 'on disk', 'pull', 'saved', 'layers', 'first answer', 'user'];
const RIGHT = new Set(['on disk', 'pull', 'saved', 'layers', 'first answer']);

/** The report as a person reads it: the table, what its words mean, and what failed. `colour` adds escape codes. */
export function renderTerminal(report: Report, colour: boolean): string {
  const paint = (format: 'bold' | 'dim' | 'red' | 'green', text: string) =>
    colour ? styleText(format, text, { validateStream: false }) : text;

  const rows = report.images.map((image, index) => {
    const comparison = report.comparisons.find(
      ({ chapter, variant }) => chapter === image.chapter && variant === image.variant,
    );
    const cells = row(image, comparison);
    // A chapter is named once, on its first row.
    if (report.images[index - 1]?.chapter === image.chapter) cells[0] = '';
    return image.ok ? cells : cells.map((cell) => paint('red', cell));
  });
  const lines = table([HEADER.map((cell) => paint('bold', cell)), ...rows], {
    border: {
      ...Object.fromEntries(['topBody', 'topJoin', 'topLeft', 'topRight'].map((key) => [key, ''])),
      ...Object.fromEntries(['bottomBody', 'bottomJoin', 'bottomLeft', 'bottomRight'].map((key) => [key, ''])),
      ...Object.fromEntries(['bodyLeft', 'bodyRight', 'joinLeft', 'joinRight'].map((key) => [key, ''])),
      bodyJoin: ' ',
      joinBody: '─',
      joinJoin: '─',
    },
    columns: HEADER.map((name, index) => ({
      alignment: RIGHT.has(name) ? 'right' : 'left',
      paddingLeft: index === 0 ? 0 : 1,
      paddingRight: 0,
    })),
    drawHorizontalLine: (index) => index === 1,
  });

  const table_ = lines.split('\n').map((line) => line.trimEnd());
  return [...table_, ...notes(report).map((line) => paint('dim', line)), ...failures(report)].join('\n').trimEnd();
}

function row(image: ImageReport, comparison: Comparison | undefined): string[] {
  const { size, run, config } = image;
  return [
    image.chapter,
    image.variant,
    image.base === null ? 'n/a' : `${shortName(image.base)}${image.standIn ? ' (stand-in)' : ''}`,
    size ? bytes(size.unpackedBytes) : 'n/a',
    size ? bytes(size.pullBytes) : 'n/a',
    comparison ? percent(comparison.unpackedSavedRatio) : '',
    size ? String(size.layers.length) : 'n/a',
    image.ok ? milliseconds(run?.firstResponseMs) : 'FAILED',
    config ? userName(config.user) : 'n/a',
  ];
}

function notes({ engine, images }: Report): string[] {
  const lines = [
    'on disk: the bytes of all files in all layers. pull: the layers as gzip, what a registry sends.',
    'saved: on disk, against single. first answer: from asking for the container to its first HTTP answer, one run.',
    `Measured with Docker ${engine.version}, builder ${engine.builder}, image store ${engine.imageStore}.`,
  ];
  if (images.some(({ standIn }) => standIn)) {
    lines.push(
      'stand-in: the base image was built on this machine, because its registry could not be reached. Sizes are close',
      'to those of the real image, not equal; an Alpine stand-in has the C library of Debian, not musl.',
    );
  }
  return lines;
}

function failures({ images }: Report): string[] {
  return images
    .filter(({ ok }) => !ok)
    .flatMap(({ chapter, variant, error }) => ['', `FAILED ${chapter} ${variant}`, error ?? 'n/a']);
}

/** `gcr.io/distroless/nodejs26-debian13:nonroot` is known by its last part. */
function shortName(image: string): string {
  return image.split('/').at(-1) ?? image;
}

/** Decimal units, as Docker prints sizes. */
function bytes(count: number): string {
  return prettyBytes(count, { maximumFractionDigits: count < 1e9 ? 0 : 2, minimumFractionDigits: count < 1e9 ? 0 : 2 });
}

function milliseconds(count: number | null | undefined): string {
  return count == null ? 'n/a' : `${Math.round(count)} ms`;
}

function percent(ratio: number): string {
  return `${ratio < 0 ? '+' : ''}${Math.round(Math.abs(ratio) * 100)} %`;
}

function userName(user: string): string {
  return user === '' || user === '0' ? 'root' : user;
}
