import { GROUPS, type Group } from '../compare/model/groups.ts';
import { GROUP_NAMES, type ImageReport, type Report } from '../compare/model/report-schema.ts';
import { bytes } from '../lib/format.ts';

// A chapter's chart: a bar for each image, divided by what its bytes belong to. Plain SVG, drawn from the report, and
// readable on a light and on a dark page.

const WIDTH = 760;
const LABEL_WIDTH = 64;
/** Room for the sizes at the end of the longest bar. */
const SIZES_WIDTH = 190;
const BAR_HEIGHT = 26;
const ROW_HEIGHT = 42;
const LEGEND_HEIGHT = 24;
const LEGEND_COLUMNS = 4;

const COLOURS: Record<Group, string> = {
  baseSystem: '#8d99a6',
  node: '#3f8f4f',
  packageManagers: '#d39a2d',
  productionDependencies: '#2f6fd0',
  devDependencies: '#cf4b5f',
  application: '#7a52b3',
  caches: '#b5651d',
  other: '#5b6670',
};

/** The chart of one chapter's images, as SVG. */
export function drawSizes({ images }: Report): string {
  const most = Math.max(...images.map(sizeOf));
  const groups = GROUP_NAMES.filter((group) => images.some((image) => bytesIn(image, group) > 0));
  const legendTop = images.length * ROW_HEIGHT + 8;
  const height = legendTop + Math.ceil(groups.length / LEGEND_COLUMNS) * LEGEND_HEIGHT + 4;
  const title = escapeXml(images.map((image) => `${image.variant}: ${bytes(sizeOf(image))} unpacked`).join(', '));
  const label = `viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${title}"`;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" ${label}>`,
    `  <title>${title}</title>`,
    '  <style>',
    '    text { font: 14px system-ui, sans-serif; fill: #1f2328; }',
    '    .small { font-size: 12px; }',
    '    @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } }',
    '  </style>',
    ...images.flatMap((image, index) => drawBar(image, groups, index * ROW_HEIGHT + 4, most)),
    ...groups.flatMap((group, index) => {
      const x = LABEL_WIDTH + (index % LEGEND_COLUMNS) * ((WIDTH - LABEL_WIDTH) / LEGEND_COLUMNS);
      const y = legendTop + Math.floor(index / LEGEND_COLUMNS) * LEGEND_HEIGHT;
      return [
        `  <rect x="${x}" y="${y}" width="12" height="12" fill="${COLOURS[group]}"/>`,
        `  <text class="small" x="${x + 18}" y="${y + 11}">${GROUPS[group]}</text>`,
      ];
    }),
    '</svg>\n',
  ].join('\n');
}

const sizeOf = ({ size }: ImageReport) => size?.unpackedBytes ?? 0;
const bytesIn = ({ contents }: ImageReport, group: Group) => contents?.groups[group] ?? 0;

function drawBar(image: ImageReport, groups: Group[], top: number, most: number): string[] {
  const text = (x: number, content: string) => `  <text x="${x}" y="${top + BAR_HEIGHT / 2 + 5}">${content}</text>`;
  let x = LABEL_WIDTH;
  const parts = groups.flatMap((group) => {
    const width = (bytesIn(image, group) / most) * (WIDTH - LABEL_WIDTH - SIZES_WIDTH);
    const box = `x="${round(x)}" y="${top}" width="${round(width)}" height="${BAR_HEIGHT}"`;
    const part = `  <rect ${box} fill="${COLOURS[group]}"><title>${GROUPS[group]}: ${bytes(bytesIn(image, group))}</title></rect>`;
    x += width;
    return width > 0 ? [part] : [];
  });
  const sizes = `${bytes(sizeOf(image))} · download ${bytes(image.size?.pullBytes ?? 0)}`;
  return [text(0, escapeXml(image.variant)), ...parts, text(round(x + 8), sizes)];
}

const round = (number: number) => Math.round(number * 10) / 10;

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escapeXml = (text: string) => text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
