import { bytes, levelColour, type Paint, percent, printable, shorten } from '../../lib/format.ts';
import { GROUPS, type Group } from '../model/groups.ts';
import type { ImageReport, Report } from '../model/report-schema.ts';
import { imageLabel } from './size-table.ts';

type Contents = NonNullable<ImageReport['contents']>;

/** The widest bar, in characters. */
const BAR_LENGTH = 40;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
const SHOWN_WASTE = 5;
/** Less, such as a line more in /etc/passwd, is no news. */
const WORTH_SHOWING_BYTES = 10_000;
const SHOWN_EVIDENCE = 3;
const INSTRUCTION_LENGTH = 60;

/** What is in each image: its groups as bars, its largest things, its waste, its findings, and facts about it. */
export function renderInside({ images }: Report, paint: Paint): string[] {
  return images.flatMap((image) => {
    const { chapter, size, contents } = image;
    const title = paint('bold', printable(imageLabel(image)));
    if (!size || !contents) return [`${title}: n/a, it was not measured`];
    const ofChapter = images.filter((other) => other.chapter === chapter);
    return [
      [
        `${title}: ${bytes(size.unpackedBytes)} on disk, ${bytes(size.pullBytes)} to pull`,
        ...bars(contents, size.unpackedBytes, ofChapter),
        ...shared(image),
        ...largest(contents, paint),
        ...waste(contents, paint),
        ...findings(image, paint),
        ...facts(contents, paint),
      ].join('\n'),
    ];
  });
}

/** All variants of a chapter have the same rows and the same scale, so that the eye can compare them. */
function bars({ groups }: Contents, total: number, ofChapter: ImageReport[]): string[] {
  const names = Object.keys(GROUPS) as Group[];
  const all = ofChapter.flatMap(({ contents }) => (contents ? [contents.groups] : []));
  const scale = Math.max(1, ...all.flatMap((one) => Object.values(one)));
  return names
    .filter((name) => all.some((one) => one[name] > 0))
    .map((name) => {
      const size = groups[name] === 0 ? '—' : `${bytes(groups[name])}  ${share(groups[name] / total)}`;
      return `  ${GROUPS[name].padEnd(27)} ${bar(groups[name] / scale)} ${size}`.trimEnd();
    });
}

/** A part that is there is never told as nothing. */
const share = (ratio: number) => (ratio < 0.005 ? '<1 %' : percent(ratio));

/** A bar of full and, at its end, eighths of a character; whatever there is can be seen. */
function bar(part: number): string {
  const eighths = part > 0 ? Math.max(1, Math.round(part * BAR_LENGTH * 8)) : 0;
  return ('█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]).padEnd(BAR_LENGTH);
}

function shared({ size }: ImageReport): string[] {
  const layers = size?.layers ?? [];
  const common = layers.filter(({ sharedWith }) => sharedWith.length > 0);
  if (common.length === 0) return [];
  const pull = common.reduce((sum, { pullBytes }) => sum + pullBytes, 0);
  return [
    `  ${common.length} of its ${layers.length} layers, ${bytes(pull)} to pull, are also in other images of this run`,
  ];
}

function largest({ largest: things, packages }: Contents, paint: Paint): string[] {
  return [
    paint('bold', '  The largest'),
    ...things.map(({ path, bytes: count, package: found }) => {
      const details = packages.find((one) => one.path === path);
      const notes = [
        ...(details?.dev ? ['dev'] : []),
        ...(details ? brought(details) : []),
        ...(details?.deleted ? ['deleted by a later layer'] : []),
      ].join('; ');
      const name = found ? `${found.name} ${found.version ?? ''}`.trimEnd() : path;
      return `  ${bytes(count).padStart(9)}  ${printable(name)}${notes === '' ? '' : paint('dim', `  (${printable(notes)})`)}`;
    }),
  ];
}

/** Why a package is there. */
function brought({ name, requiredBy }: Contents['packages'][number]): string[] {
  if (requiredBy.includes(name)) return ['direct'];
  return requiredBy.length === 0 ? [] : [`brought by ${requiredBy.join(', ')}`];
}

function waste({ wasteBytes, waste: all }: Contents, paint: Paint): string[] {
  if (wasteBytes === 0) return [];
  const shown = all.slice(0, SHOWN_WASTE).filter(({ bytes: count }) => count >= WORTH_SHOWING_BYTES);
  const rest = wasteBytes - shown.reduce((sum, one) => sum + one.bytes, 0);
  return [
    paint('bold', `  Replaced or deleted by a later layer, and still pulled: ${bytes(wasteBytes)}`),
    ...shown.flatMap(({ path, how, bytes: count, layer, instruction, removedIn, removedBy }) => [
      `  ${bytes(count).padStart(9)}  ${printable(path)}`,
      paint('dim', `             written by layer ${layer + 1}: ${shorten(instruction ?? 'n/a', INSTRUCTION_LENGTH)}`),
      paint('dim', `             ${how} by layer ${removedIn + 1}: ${shorten(removedBy ?? 'n/a', INSTRUCTION_LENGTH)}`),
    ]),
    ...(rest > 0 && shown.length > 0 ? [`  ${bytes(rest).padStart(9)}  more`] : []),
  ];
}

function findings({ findings: all, size }: ImageReport, paint: Paint): string[] {
  if (!all || all.length === 0) return [`${paint('bold', '  Findings')}: none`];
  return [
    paint('bold', '  Findings'),
    ...all.flatMap(({ code, level, message, count, evidence }) => [
      `  ${paint(levelColour[level], level.padEnd(7))}  ${code}: ${message}`,
      ...evidence.slice(0, SHOWN_EVIDENCE).map(({ path, layer, note }) => {
        const made =
          layer === null ? null : `layer ${layer + 1}, ${shorten(size?.layers[layer]?.instruction ?? 'n/a', 40)}`;
        const where = [made, note].filter((text) => text !== null).join('; ');
        return `           ${printable(path)}${where === '' ? '' : paint('dim', `  (${printable(where)})`)}`;
      }),
      ...(count > SHOWN_EVIDENCE ? [`           and ${count - SHOWN_EVIDENCE} more`] : []),
    ]),
    paint('dim', '  What a finding means and how to mend it: npm run compare -- --explain CODE'),
  ];
}

function facts(
  { facts: { files, npmPackages, osPackages, shells, packageManagers } }: Contents,
  paint: Paint,
): string[] {
  const names = (paths: string[]) =>
    paths.length === 0 ? 'none' : paths.map((path) => path.slice(path.lastIndexOf('/') + 1)).join(', ');
  return [
    paint(
      'dim',
      `  ${files} files, ${npmPackages} npm packages, ${osPackages ?? 'n/a'} OS packages; shells: ${names(shells)}; package managers: ${names(packageManagers)}`,
    ),
  ];
}
