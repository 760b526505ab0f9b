import { GROUPS } from '../compare/model/groups.ts';
import { GROUP_NAMES, type ImageReport } from '../compare/model/report-schema.ts';
import { FIGURE_KEYS, FIGURES, showSamples, showValue } from '../compare/report/figures.ts';
import { bytes, percent } from '../lib/format.ts';
import { imageOf, type Reports } from './reports.ts';

// The values in the documents, by name:
//   02 multi unpacked                               of a chapter's image; also download, wasted, `group Node itself`, what
//                                                   --bench times such as `cold build`, and that with its spread
//   02 multi unpacked less than 02 single           by what part it is less
//   01 multi unpacked times less than 01 single     how many times it goes into the other
//   lean lean unpacked, lean multi unpacked         of the project 03-distroless/lean, from its own report
//   measured on, bases, shapes measured on, shapes runs, lean measured on

/** @throws for an unknown value, or when the numbers contradict its words. */
export function factOf(reports: Reports, name: string): string {
  const { chapters, shapes, lean } = reports;
  if (name === 'measured on') return chapters.createdAt.slice(0, 10);
  if (name === 'shapes measured on') return shapes.createdAt.slice(0, 10);
  if (name === 'lean measured on') return lean.createdAt.slice(0, 10);
  if (name === 'shapes runs') {
    const runs = shapes.images.find(({ bench }) => bench !== null)?.bench?.runs;
    return runs === 1 ? 'of one run each, without a spread' : `the median of ${runs}, with the least and the most`;
  }
  if (name === 'bases') {
    const usesStandIns = chapters.images.some(({ standIn }) => standIn);
    return usesStandIns ? 'on stand-ins for the base images' : 'on the real base images';
  }
  const [, image = '', figure = '', times, other] =
    /^(\S+ \S+) (.+?)(?: (times )?less than (\S+ \S+))?$/.exec(name) ?? [];
  const { number, show } = figureOf(reports, image, figure);
  if (other === undefined) return show(number);
  const { number: larger } = figureOf(reports, other, figure);
  if (larger <= number) throw new Error(`"${name}" is false: ${show(number)} against ${show(larger)}.`);
  return times ? showRatio(larger / number) : percent(1 - number / larger);
}

/** With two digits: 5.3 times, 13 times. */
const showRatio = (ratio: number) => (ratio < 9.95 ? ratio.toFixed(1) : String(Math.round(ratio)));

function figureOf(reports: Reports, image: string, figure: string): { number: number; show(number: number): string } {
  const [chapter = '', variant = ''] = image.split(' ');
  const report = chapter === 'lean' ? reports.lean : reports.chapters;
  const { size, contents, bench }: ImageReport = imageOf(report, chapter, variant);
  const sizes: Record<string, number | undefined> = {
    unpacked: size?.unpackedBytes,
    download: size?.pullBytes,
    wasted: contents?.wasteBytes,
    ...Object.fromEntries(GROUP_NAMES.map((group) => [`group ${GROUPS[group]}`, contents?.groups[group]])),
  };
  const timed = FIGURE_KEYS.find((key) => FIGURES[key].name === figure.replace(/ with spread$/, ''));
  const samples = timed && bench?.[timed];
  const number = samples ? samples.median : sizes[figure];
  if (number == null) throw new Error(`There is no value "${image} ${figure}".`);
  if (!samples) return { number, show: bytes };
  return { number, show: figure.endsWith(' with spread') ? () => showSamples(timed, samples) : showValue(timed) };
}
