import { GROUPS, type Group } from '../compare/model/groups.ts';
import type { ImageReport, Report } from '../compare/model/report-schema.ts';
import { FIGURE_KEYS, FIGURES, showSamples, showValue } from '../compare/report/figures.ts';
import { bytes, percent } from '../lib/format.ts';
import { imageOf, type Reports } from './reports.ts';

// The values in the documents, by name:
//   02 multi on disk                                of the image of a chapter and variant; the figures are below
//   02 multi on disk less than 02 single            by what part it is less
//   01 multi on disk times less than 01 single      how many times it goes into the other
//   verdict 02 multi on disk about 150 MB           whether a claim holds: yes, roughly or no; also under and over
//   measured on, bases, shapes measured on, shapes runs

/** A figure, or what it is against another, and how it is written. */
interface Value {
  number: number;
  show(number: number): string;
}

/** A value by its name, as a text. @throws when there is none, or when the numbers do not bear out its words. */
export function factOf(reports: Reports, name: string): string {
  const { createdAt, images } = reports.chapters;
  if (name === 'measured on') return createdAt.slice(0, 10);
  if (name === 'shapes runs') return runsOf(reports.shapes);
  if (name === 'shapes measured on') return reports.shapes.createdAt.slice(0, 10);
  if (name === 'bases') {
    return images.some(({ standIn }) => standIn) ? 'on stand-ins for the base images' : 'on the real base images';
  }
  const claim = /^verdict (.+) (about|under|over) ([\d.]+) (\S+)$/.exec(name);
  if (claim) {
    const [, measured = '', relation = '', number = '', unit = ''] = claim;
    return verdict(valueNamed(reports, measured).number, relation, Number(number) * factor(unit), unit);
  }
  const { number, show } = valueNamed(reports, name);
  return show(number);
}

function runsOf({ images }: Report): string {
  const runs = images.find(({ bench }) => bench !== null)?.bench?.runs ?? 0;
  return runs === 1 ? 'of one run each, without a spread' : `the median of ${runs}, with the least and the most`;
}

/** What a unit of a claim stands for: bytes, a part, or how often. */
function factor(unit: string): number {
  const factors: Record<string, number> = { MB: 1e6, GB: 1e9, '%': 0.01, times: 1 };
  const one = factors[unit];
  if (one === undefined) throw new Error(`There is no unit "${unit}".`);
  return one;
}

/** Within a tenth a claim holds, within a quarter roughly; parts are held to 5 and 15 points of a hundred. */
function verdict(measured: number, relation: string, claimed: number, unit: string): string {
  if (relation === 'under') return measured < claimed ? 'yes' : 'no';
  if (relation === 'over') return measured > claimed ? 'yes' : 'no';
  const off = Math.abs(measured - claimed) / (unit === '%' ? 0.5 : claimed);
  if (off <= 0.1) return 'yes';
  return off <= (unit === '%' ? 0.3 : 0.25) ? 'roughly' : 'no';
}

function valueNamed(reports: Reports, name: string): Value {
  const [, one = name, relation, other = ''] = /^(.+?) (less than|times less than) (.+)$/.exec(name) ?? [];
  const ours = figureOf(reports, one);
  if (relation === undefined) return ours;
  const theirs = figureOf(reports, `${other} ${splitName(one)[1]}`);
  if (theirs.number <= ours.number) {
    throw new Error(`"${name}" is not so: ${ours.show(ours.number)} against ${theirs.show(theirs.number)}.`);
  }
  if (relation === 'times less than') return { number: theirs.number / ours.number, show: times };
  return { number: 1 - ours.number / theirs.number, show: percent };
}

/** With two digits, as a person says it: 5.3 times, 13 times. */
const times = (ratio: number) => (ratio < 9.95 ? ratio.toFixed(1) : String(Math.round(ratio)));

/** The image and the figure of a name: `02 multi` and `on disk`. */
function splitName(name: string): [string, string] {
  const [, image = '', figure = ''] = /^(\S+ \S+) (.+)$/.exec(name) ?? [];
  return [image, figure];
}

function figureOf(reports: Reports, name: string): Value {
  const [image, figure] = splitName(name);
  const [chapter = '', variant = ''] = image.split(' ');
  const value = ofImage(imageOf(reports.chapters, chapter, variant), figure);
  if (!value) throw new Error(`There is no value "${name}".`);
  return value;
}

function ofImage({ size, contents, bench }: ImageReport, figure: string): Value | null {
  const group = /^group (.+)$/.exec(figure)?.[1];
  const key = (Object.keys(GROUPS) as Group[]).find((one) => GROUPS[one] === group);
  if (key && contents) return { number: contents.groups[key], show: bytes };
  const figures: Record<string, Value | null> = {
    'on disk': size && { number: size.unpackedBytes, show: bytes },
    pull: size && { number: size.pullBytes, show: bytes },
    wasted: contents && { number: contents.wasteBytes, show: bytes },
  };
  const [, name = '', withSpread] = /^(.+?)( with spread)?$/.exec(figure) ?? [];
  const timed = FIGURE_KEYS.find((one) => FIGURES[one].name === name);
  const samples = timed && bench?.[timed];
  if (!timed || !samples || samples.median === null) return figures[figure] ?? null;
  return { number: samples.median, show: withSpread ? () => showSamples(timed, samples) : showValue(timed) };
}
