import { GROUPS } from '../compare/model/groups.ts';
import { GROUP_NAMES } from '../compare/model/report-schema.ts';
import { FIGURE_KEYS, FIGURES, showSamples, showValue } from '../compare/report/figures.ts';
import { bytes, percent } from '../lib/format.ts';
import { imageOf, type ReportName, type Reports } from './reports.ts';

// The values in the documents, by name. Spaces are hyphens:
//   02-multi-unpacked                               of a chapter's image; also download, group-Node-itself, what --bench
//                                                   times such as cold-build, and cold-build-with-spread
//   02-multi-unpacked-less-than-02-single           by what part it is less
//   01-multi-unpacked-times-less-than-01-single     how many times it goes into the other
//   lean-lean-unpacked, native-Dockerfile-unpacked  of the projects in the lean report
//   measured-on, shapes-measured-on                 the day of the chapters' report, or of another report
//   bases

/** @throws for an unknown value, or when the numbers contradict its words. */
export function factOf(reports: Reports, name: string): string {
  const { chapters } = reports;
  const dated = /^(?:(shapes|lean)-)?measured-on$/.exec(name);
  if (dated) return reports[(dated[1] ?? 'chapters') as ReportName].createdAt.slice(0, 10);
  if (name === 'bases') {
    const usesStandIns = chapters.images.some(({ standIn }) => standIn);
    return usesStandIns ? 'on stand-ins for the base images' : 'on the real base images';
  }
  const [, image = '', figure = '', times, other] =
    /^(\w+-\w+)-(.+?)(?:-(times-)?less-than-(\w+-\w+))?$/.exec(name) ?? [];
  const { number, show } = figureOf(reports, image, figure);
  if (other === undefined) return show(number);
  const { number: larger } = figureOf(reports, other, figure);
  if (larger <= number) throw new Error(`"${name}" is false: ${show(number)} against ${show(larger)}.`);
  return times ? showRatio(larger / number) : percent(1 - number / larger);
}

/** With two digits: 5.3 times, 13 times. */
const showRatio = (ratio: number) => (ratio < 9.95 ? ratio.toFixed(1) : String(Math.round(ratio)));

function figureOf(reports: Reports, image: string, figure: string): { number: number; show(number: number): string } {
  const [chapter = '', variant = ''] = image.split('-');
  const report = /^\d\d$/.test(chapter) ? reports.chapters : reports.lean;
  const { size, contents, bench } = imageOf(report, chapter, variant);
  const name = figure.replaceAll('-', ' ');
  const timed = FIGURE_KEYS.find((key) => FIGURES[key].name === name.replace(/ with spread$/, ''));
  const samples = timed && bench?.[timed];
  if (timed && samples?.median != null) {
    const show = name === FIGURES[timed].name ? showValue(timed) : () => showSamples(timed, samples);
    return { number: samples.median, show };
  }
  const group = GROUP_NAMES.find((key) => name === `group ${GROUPS[key]}`);
  const number = group ? contents?.groups[group] : { unpacked: size?.unpackedBytes, download: size?.pullBytes }[name];
  if (number === undefined) throw new Error(`There is no value "${image}-${figure}".`);
  return { number, show: bytes };
}
