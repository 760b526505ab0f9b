import { GROUPS, type Group } from '../compare/model/groups.ts';
import type { ImageReport, Report } from '../compare/model/report-schema.ts';
import { bytes } from '../lib/format.ts';

// A chapter's chart: a bar for each image, of the groups that its bytes belong to. Plain SVG, drawn from the report, and
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
  const shown = images.filter(({ size, contents }) => size && contents);
  const most = Math.max(...shown.map(sizeOf));
  const groups = (Object.keys(GROUPS) as Group[]).filter((group) => shown.some((image) => bytesIn(image, group) > 0));
  const legendRows = Math.ceil(groups.length / LEGEND_COLUMNS);
  const legendTop = shown.length * ROW_HEIGHT + 8;
  const height = legendTop + legendRows * LEGEND_HEIGHT + 4;
  const title = escaped(shown.map((image) => `${image.variant}: ${bytes(sizeOf(image))} on disk`).join(', '));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="${title}">`,
    `  <title>${title}</title>`,
    '  <style>',
    '    text { font: 14px system-ui, sans-serif; fill: #1f2328; }',
    '    .small { font-size: 12px; }',
    '    @media (prefers-color-scheme: dark) { text { fill: #e6edf3; } }',
    '  </style>',
    ...shown.flatMap((image, index) => bar(image, groups, index * ROW_HEIGHT + 4, most)),
    ...groups.flatMap((group, index) => legend(group, index, legendTop)),
    '</svg>',
    '',
  ].join('\n');
}

const sizeOf = ({ size }: ImageReport) => size?.unpackedBytes ?? 0;
const bytesIn = ({ contents }: ImageReport, group: Group) => contents?.groups[group] ?? 0;

function bar(image: ImageReport, groups: Group[], top: number, most: number): string[] {
  const scale = (WIDTH - LABEL_WIDTH - SIZES_WIDTH) / most;
  const middle = top + BAR_HEIGHT / 2 + 5;
  let x = LABEL_WIDTH;
  const parts = groups
    .filter((group) => bytesIn(image, group) > 0)
    .map((group) => {
      const width = bytesIn(image, group) * scale;
      const part = `  <rect x="${round(x)}" y="${top}" width="${round(width)}" height="${BAR_HEIGHT}" fill="${COLOURS[group]}"><title>${GROUPS[group]}: ${bytes(bytesIn(image, group))}</title></rect>`;
      x += width;
      return part;
    });
  return [
    `  <text x="0" y="${middle}">${escaped(image.variant)}</text>`,
    ...parts,
    `  <text x="${round(x + 8)}" y="${middle}">${bytes(sizeOf(image))} · pull ${bytes(image.size?.pullBytes ?? 0)}</text>`,
  ];
}

function legend(group: Group, index: number, top: number): string[] {
  const x = LABEL_WIDTH + (index % LEGEND_COLUMNS) * ((WIDTH - LABEL_WIDTH) / LEGEND_COLUMNS);
  const y = top + Math.floor(index / LEGEND_COLUMNS) * LEGEND_HEIGHT;
  return [
    `  <rect x="${round(x)}" y="${y}" width="12" height="12" fill="${COLOURS[group]}"/>`,
    `  <text class="small" x="${round(x + 18)}" y="${y + 11}">${GROUPS[group]}</text>`,
  ];
}

const round = (number: number) => Math.round(number * 10) / 10;

const ENTITIES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string) => text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
