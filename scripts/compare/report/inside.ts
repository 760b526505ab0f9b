import { bytes, percent, shorten } from '../../lib/format.ts';
import { GROUPS } from '../model/groups.ts';
import { type Contents, type Finding, GROUP_NAMES, type Report, type Size } from '../model/report-schema.ts';
import { imageLabel, listPlaces, type Section } from './section.ts';

/** The widest bar, in characters. */
const BAR_LENGTH = 40;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const SHOWN_WASTE = 5;
/** Waste of fewer bytes, such as one more line in /etc/passwd, is not shown by itself. */
const WORTH_SHOWING_BYTES = 10_000;
const SHOWN_EVIDENCE = 3;
/** A hostile image may have a program of Node in each of its directories. */
const SHOWN_VERSIONS = 5;
const EXPLAIN_NOTE = 'What a finding means and how to fix it: the same command with --explain CODE';

/** What is in each image: its groups as bars, its largest parts, its waste, its findings, and facts about it. */
export const insideSections = ({ images, createdAt }: Report): Section[][] =>
  images.map((image) => {
    const { size, contents } = image;
    const label = imageLabel(image);
    if (!size || !contents) return [list(`${label}: n/a, it was not measured`)];
    const ofChapter = images.flatMap((other) => (other.chapter === image.chapter && other.contents) || []);
    const title = `${label}: ${bytes(size.unpackedBytes)} unpacked, ${bytes(size.pullBytes)} to download`;
    const largest = contents.largest.map((part) => [bytes(part.bytes), partName(part, contents.packages)]);
    return [
      list(title, barRows(contents, ofChapter), sharedNotes(size.layers), 'llr'),
      list('The largest parts', largest),
      ...wasteList(contents),
      findingList(image.findings ?? [], size.layers, factNotes(contents, createdAt)),
    ];
  });

function list(title: string, rows: string[][] = [], notes: string[] = [], alignment = 'rl'): Section {
  return { title, header: [], rows, alignment, notes };
}

/** All variants of a chapter have the same rows and the same scale, so that they can be compared by eye. */
function barRows({ groups }: Contents, ofChapter: Contents[]): string[][] {
  const total = Object.values(groups).reduce((sum, count) => sum + count, 0);
  const scale = Math.max(1, ...ofChapter.flatMap((contents) => Object.values(contents.groups)));
  const names = GROUP_NAMES.filter((name) => ofChapter.some((contents) => contents.groups[name] > 0));
  return names.map((name) => {
    const share = groups[name] / total;
    const size = groups[name] === 0 ? ['—', ''] : [bytes(groups[name]), share < 0.005 ? '<1 %' : percent(share)];
    return [GROUPS[name], drawBar(groups[name] / scale), ...size];
  });
}

/** A bar of full characters that ends with eighths of one. Every part that is not empty is visible. */
function drawBar(part: number): string {
  const eighths = part > 0 ? Math.max(1, Math.round(part * BAR_LENGTH * 8)) : 0;
  return ('█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]).padEnd(BAR_LENGTH);
}

function sharedNotes(layers: Size['layers']): string[] {
  const shared = layers.filter(({ sharedWith }) => sharedWith.length > 0);
  if (shared.length === 0) return [];
  const download = bytes(shared.reduce((sum, { pullBytes }) => sum + pullBytes, 0));
  return [`${shared.length} of its ${layers.length} layers, ${download} to download, are also in other images here`];
}

/** A package by its name and version, with the reason why it is there. */
function partName({ path, package: named }: Contents['largest'][number], packages: Contents['packages']): string {
  const name = named ? [named.name, named.version].filter((text) => text).join(' ') : path;
  const details = packages.find((one) => one.path === path);
  if (!details) return name;
  const { requiredBy, dev, deleted } = details;
  const reason = requiredBy.includes(details.name) ? 'direct' : `required by ${requiredBy.join(', ')}`;
  const deletion = deleted && 'deleted in a later layer, still part of the image';
  return withNotes(name, [dev && 'dev', requiredBy.length > 0 && reason, deletion]);
}

function withNotes(text: string, notes: (string | false | null)[]): string {
  const shown = notes.filter((note) => note).join('; ');
  return shown === '' ? text : `${text}  (${shown})`;
}

function wasteList({ wasteBytes, waste }: Contents): Section[] {
  if (wasteBytes === 0) return [];
  const shown = waste.slice(0, SHOWN_WASTE).filter(({ bytes: count }) => count >= WORTH_SHOWING_BYTES);
  const rest = wasteBytes - shown.reduce((sum, one) => sum + one.bytes, 0);
  const rows = shown.flatMap((one) => [
    [bytes(one.bytes), one.path],
    ['', `written by ${layerName(one.layer, one.instruction)}`],
    ['', `${one.how} by ${layerName(one.removedIn, one.removedBy)}`],
  ]);
  const title = `Replaced or deleted in a later layer, still part of the image: ${bytes(wasteBytes)}`;
  return [list(title, [...rows, ...(rest > 0 && shown.length > 0 ? [[bytes(rest), 'others']] : [])])];
}

const layerName = (index: number, instruction: string | null | undefined) =>
  `layer ${index + 1}: ${shorten(instruction ?? 'n/a', 60)}`;

function findingList(findings: Finding[], layers: Size['layers'], facts: string[]): Section {
  if (findings.length === 0) return list('Findings: none', [], facts);
  const rows = findings.flatMap(({ code, level, message, count, evidence }) => [
    [level, `${code}: ${message}`],
    ...evidence.slice(0, SHOWN_EVIDENCE).map(({ path, layer, note }) => {
      return ['', withNotes(path, [layer !== null && layerName(layer, layers[layer]?.instruction), note])];
    }),
    ...(count > SHOWN_EVIDENCE ? [['', `and ${count - SHOWN_EVIDENCE} more`]] : []),
  ]);
  return list('Findings', rows, [EXPLAIN_NOTE, ...facts], 'l');
}

function factNotes({ facts, groups }: Contents, createdAt: string): string[] {
  const { files, npmPackages, osPackages, shells, packageManagers, executables, setuidFiles, node } = facts;
  const names = (paths: string[]) => paths.map((path) => path.split('/').at(-1)).join(', ') || 'none';
  const counts = `${files} files, npm packages: ${npmPackages}, OS packages: ${osPackages ?? 'n/a (no database of dpkg or apk)'}`;
  const programs = `${counts}; shells: ${names(shells)}; package managers: ${names(packageManagers)}`;
  // A report of an earlier version does not have the others.
  if (!node) return [programs];
  // Its group has also what is deleted, and files that are not a program.
  const unknown = groups.node > 0 ? 'n/a (no version was found)' : 'none';
  const versions = [...new Set(node.map((one) => nodeVersion(one, createdAt.slice(0, 10))))];
  const others = versions.length - SHOWN_VERSIONS;
  const shown = [...versions.slice(0, SHOWN_VERSIONS), ...(others > 0 ? [`and ${others} more`] : [])];
  return [programs, `executables: ${executables}, setuid files: ${setuidFiles}; Node: ${shown.join(', ') || unknown}`];
}

/** A version of Node with its end of life, as of the day when it was measured. */
function nodeVersion({ version, endOfLife }: NonNullable<Contents['facts']['node']>[number], today: string): string {
  const isPast = endOfLife !== null && endOfLife < today;
  return `${version} (${isPast ? 'past its end of life' : 'end of life'}: ${endOfLife ?? 'n/a'})`;
}

/** How many bytes of each image belong to which group, and how many of them later layers replace or delete. */
export function groupSection({ images }: Report): Section {
  const measured = images.flatMap((image) => (image.contents ? [{ ...image, ...image.contents }] : []));
  const used = GROUP_NAMES.filter((name) => measured.some(({ groups }) => groups[name] > 0));
  return {
    title: 'What takes the space',
    header: ['image', 'unpacked', ...used.map((name) => GROUPS[name]), 'replaced or deleted later'],
    rows: measured.map((image) => [
      imageLabel(image),
      ...[image.size?.unpackedBytes ?? 0, ...used.map((name) => image.groups[name]), image.wasteBytes].map(bytes),
    ]),
    alignment: 'lr',
    notes: [],
  };
}

/** The findings of all images, each with the first of its places. */
export const findingSection = ({ images }: Report): Section => ({
  title: 'Findings',
  header: ['image', 'level', 'code', 'what', 'where'],
  rows: images.flatMap((image) => {
    const label = imageLabel(image);
    return (image.findings ?? []).map((one) => [label, one.level, one.code, one.message, listPlaces(one, 1)]);
  }),
  alignment: 'l',
  notes: [],
});
