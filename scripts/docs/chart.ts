import { GROUPS, type Group } from '../compare/model/groups.ts';
import { GROUP_NAMES, type ImageReport } from '../compare/model/report-schema.ts';
import { bytes } from '../lib/format.ts';

// A bar for each image, divided by what its bytes belong to. Plain SVG, drawn from a report. It is narrow, so that its text
// can be read on a phone.

const WIDTH = 440;
const LABEL_WIDTH = 76;
/** Room for the sizes after the longest bar. */
const SIZES_WIDTH = 132;
const BAR_HEIGHT = 18;
const ROW_HEIGHT = 24;
const GAP = 10;

/** For a light page, then for a dark one. Groups that adjoin differ in lightness, for those who see no difference in hue. */
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
  const description = escapeXml(images.map((image) => `${nameOf(image)}: ${bytes(sizeOf(image))}`).join(', '));
  let y = 32;
  const bars = images.flatMap((image, index) => {
    const [before, name] = [images[index - 1], nameOf(image)];
    if (before && nameOf(before).split(' ')[0] !== name.split(' ')[0]) y += GAP;
    y += ROW_HEIGHT;
    return drawBar(image, escapeXml(name), groups, y - ROW_HEIGHT, (WIDTH - LABEL_WIDTH - SIZES_WIDTH) / most);
  });
  const legend = groups.flatMap((group, index) => {
    const [left, top] = [(index % 2) * (WIDTH / 2), y + GAP + Math.floor(index / 2) * ROW_HEIGHT];
    return [rect(left, top + 2, 14, 14, group), text(left + 20, top, GROUPS[group])];
  });
  const height = y + GAP + Math.ceil(groups.length / 2) * ROW_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>Unpacked size of each image. ${description}</title>`,
    `<style>text { font: 15px system-ui, sans-serif; } .title { font-weight: 600; } ${STYLES[scheme]}</style>`,
    text(0, 2, `<tspan class="title">Unpacked size of each image</tspan> <tspan class="muted">· download size</tspan>`),
    ...bars,
    ...legend,
    '</svg>\n',
  ].join('\n');
}

const sizeOf = ({ size }: ImageReport) => size?.unpackedBytes ?? 0;
const bytesIn = ({ contents }: ImageReport, group: Group) => contents?.groups[group] ?? 0;

function drawBar(image: ImageReport, name: string, groups: Group[], y: number, scale: number): string[] {
  let x = LABEL_WIDTH;
  const parts = groups.map((group) => {
    const width = bytesIn(image, group) * scale;
    x += width;
    return width > 0 ? rect(x - width, y, width, BAR_HEIGHT, group) : '';
  });
  const sizes = `${bytes(sizeOf(image))} <tspan class="muted">· ${bytes(image.size?.pullBytes ?? 0)}</tspan>`;
  return [text(0, y, name), ...parts.filter(Boolean), text(x + 7, y, sizes)];
}

const round = (number: number) => Math.round(number * 10) / 10;
const rect = (x: number, y: number, width: number, height: number, group: Group) =>
  `<rect x="${round(x)}" y="${y}" width="${round(width)}" height="${height}" class="${group}"/>`;
const text = (x: number, y: number, content: string) =>
  `<text x="${round(x)}" y="${y + 14}" class="text">${content}</text>`;

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeXml = (text: string) => text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
