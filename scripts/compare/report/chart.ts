import { bytes, printable } from '../../lib/format.ts';
import { GROUPS, type Group } from '../model/groups.ts';
import { GROUP_NAMES, type ImageReport, type Report } from '../model/report-schema.ts';
import { imageLabel, variantLabel } from './section.ts';

// Plain SVG with a bar for each image, divided by groups of files. All lengths are in pixels. The chart is narrow, so that
// its text can be read on a phone.

/** The width of the longest bar, and of the sizes after it. */
const BARS_WIDTH = 232;
const SIZES_WIDTH = 132;
/** The width of the names. */
const LABEL_WIDTH = { least: 76, most: 260 };
const BAR_HEIGHT = 18;
const ROW_HEIGHT = 24;
const GAP = 10;

/** Adjacent groups differ in lightness as well, for readers who cannot tell hues apart. */
const COLOURS: Record<Group | 'text' | 'muted', [light: string, dark: string]> = {
  text: ['#1f2328', '#f0f6fc'],
  muted: ['#59636e', '#9198a1'],
  baseSystem: ['#68727d', '#8b96a3'],
  node: ['#0b4f2b', '#1f8a4c'],
  packageManagers: ['#c77a00', '#f0c05a'],
  productionDependencies: ['#2766c7', '#5b9bf0'],
  devDependencies: ['#7a1238', '#b8345a'],
  application: ['#9a78e8', '#cdb8ff'],
  caches: ['#a8501a', '#d98a4e'],
  other: ['#24292f', '#6a7683'],
};
const coloursOf = (index: 0 | 1) => Object.entries(COLOURS).map(([name, pair]) => `.${name} { fill: ${pair[index]}; }`);
const [LIGHT, DARK] = [coloursOf(0).join(' '), coloursOf(1).join(' ')];
const STYLES = { light: LIGHT, dark: DARK, system: `${LIGHT} @media (prefers-color-scheme: dark) { ${DARK} }` };

/** The chart of a report as SVG. Images of one project are named by their variants, others also by their project. */
export function renderChart({ images }: Report): string {
  const isOneProject = new Set(images.map(({ chapter }) => chapter)).size === 1;
  return drawSizes(images, isOneProject ? variantLabel : imageLabel, 'system').trimEnd();
}

/**
 * The chart of images, as SVG. Names that begin with the same word stand close together.
 *
 * @param scheme `system` follows the reader's system; a page with a scheme of its own, such as GitHub's, needs one of each.
 */
export function drawSizes(
  images: ImageReport[],
  nameOf: (image: ImageReport) => string,
  scheme: keyof typeof STYLES,
): string {
  const most = Math.max(...images.map(sizeOf));
  const groups = GROUP_NAMES.filter((group) => images.some((image) => bytesIn(image, group) > 0));
  const labelWidth = Math.max(LABEL_WIDTH.least, ...images.map((image) => widthOf(shortenName(nameOf(image))) + 4));
  const width = labelWidth + BARS_WIDTH + SIZES_WIDTH;
  const sizes = images.map((image) => `${nameOf(image)}: ${image.size ? bytes(sizeOf(image)) : missing(image)}`);
  let y = 32;
  const bars = images.flatMap((image, index) => {
    const [before, name] = [images[index - 1], nameOf(image)];
    if (before && nameOf(before).split(' ')[0] !== name.split(' ')[0]) y += GAP;
    y += ROW_HEIGHT;
    return drawBar(image, name, groups, { x: labelWidth, y: y - ROW_HEIGHT, scale: BARS_WIDTH / most });
  });
  const legend = groups.flatMap((group, index) => {
    const [left, top] = [(index % 2) * (width / 2), y + GAP + Math.floor(index / 2) * ROW_HEIGHT];
    return [rect(left, top + 2, 14, 14, group), text(left + 20, top, GROUPS[group])];
  });
  if (images.length === 0) bars.push(text(0, y, 'No images were measured.'));
  const height = y + GAP + Math.max(Number(images.length === 0), Math.ceil(groups.length / 2)) * ROW_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>Unpacked size of each image. ${escapeXml(sizes.join(', '))}</title>`,
    `<style>text { font: 15px system-ui, sans-serif; } .title { font-weight: 600; } ${STYLES[scheme]}</style>`,
    text(0, 2, `<tspan class="title">Unpacked size of each image</tspan> <tspan class="muted">· download size</tspan>`),
    ...bars,
    ...legend,
    '</svg>\n',
  ].join('\n');
}

const sizeOf = ({ size }: ImageReport) => size?.unpackedBytes ?? 0;
const bytesIn = ({ contents }: ImageReport, group: Group) => contents?.groups[group] ?? 0;

/** What stands for the sizes of an image without them. */
const missing = ({ ok }: ImageReport) => (ok ? 'n/a' : 'FAILED');

function drawBar(
  image: ImageReport,
  name: string,
  groups: Group[],
  { x: left, y, scale }: { x: number; y: number; scale: number },
): string[] {
  let x = left;
  const parts = groups.map((group) => {
    const width = bytesIn(image, group) * scale;
    x += width;
    return width > 0 ? rect(x - width, y, width, BAR_HEIGHT, group) : '';
  });
  const sizes = image.size
    ? `${bytes(sizeOf(image))} <tspan class="muted">· ${bytes(image.size.pullBytes)}</tspan>`
    : missing(image);
  const short = shortenName(name);
  // A browser shows the full name when the pointer is on it.
  const label = escapeXml(short) + (short === printable(name) ? '' : `<title>${escapeXml(name)}</title>`);
  return [text(0, y, label), ...parts.filter(Boolean), text(x + 7, y, sizes)];
}

const round = (number: number) => Math.round(number * 10) / 10;
const rect = (x: number, y: number, width: number, height: number, group: Group) =>
  `<rect x="${round(x)}" y="${y}" width="${round(width)}" height="${height}" class="${group}"/>`;
const text = (x: number, y: number, content: string) =>
  `<text x="${round(x)}" y="${y + 14}" class="text">${content}</text>`;

/** Estimates the width of a text: an SVG does not know the reader's font. Capitals are wider, Chinese letters are square. */
function widthOf(name: string): number {
  const widths = [...name].map((letter) => {
    if (letter > '\u2e80') return 15;
    return /[A-Z@%mw…]/.test(letter) ? 11 : 8;
  });
  return widths.reduce((sum, width) => sum + width, 0);
}

/** A name without its middle, if it is too long: names of one project differ at their ends. */
function shortenName(name: string): string {
  const letters = [...printable(name)];
  if (widthOf(letters.join('')) <= LABEL_WIDTH.most) return letters.join('');
  for (let kept = letters.length - 1; ; kept -= 1) {
    const short = [...letters.slice(0, kept / 2), '…', ...letters.slice(-kept / 2)].join('');
    if (kept <= 2 || widthOf(short) <= LABEL_WIDTH.most) return short;
  }
}

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** A text as XML 1.0, which cannot contain control characters, lone surrogates and U+FFFE: https://www.w3.org/TR/xml/#charsets */
const escapeXml = (text: string) =>
  printable(text)
    .replace(/[\p{Surrogate}\uFFFE\uFFFF]/gu, '\uFFFD')
    .replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
