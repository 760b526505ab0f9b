import { bytes, shorten } from '../../lib/format.ts';
import {
  type ChangedFile,
  type ChangedPackage,
  type Diff,
  type DiffTotals,
  MAX_DIFF_FILES,
  MAX_DIFF_PACKAGES,
} from '../model/diff-schema.ts';
import { GROUPS } from '../model/groups.ts';
import { GROUP_NAMES, type Report } from '../model/report-schema.ts';
import { NAMED_IMAGES } from '../model/subject.ts';
import { findImage, type Section, variantLabel } from './section.ts';

/** The longest path and the longest list of versions that is shown, in characters. */
const MAX_PATH_LENGTH = 200;
const MAX_VERSIONS_LENGTH = 40;
const SIGNS = { added: '+', removed: '−', changed: '~' } as const;

/** What --diff found: by group, by package, and the largest files. At most `shown` packages and files. */
export function diffSections(report: Report, shown: number): Section[] {
  const { diff } = report;
  if (!diff) return [];
  const names = [diff.before, diff.after].map((name) => {
    const image = findImage(report.images, NAMED_IMAGES, name);
    return image ? variantLabel(image) : name;
  });
  if (countFiles(diff.total) === 0) {
    return [
      { title: `No file differs between ${names.join(' and ')}`, header: [], rows: [], alignment: 'l', notes: [] },
    ];
  }
  return [
    groupTable(diff, `Files that differ between ${names.join(' and ')}`),
    ...(diff.packages.length > 0 ? [packageTable(diff, shown)] : []),
    fileTable(diff, shown),
  ];
}

const countFiles = ({ added, removed, changed }: DiffTotals) => added.files + removed.files + changed.files;

function groupTable({ total, groups, beforeBytes, afterBytes }: Diff, title: string): Section {
  const used = GROUP_NAMES.filter((name) => countFiles(groups[name]) > 0);
  return {
    title,
    header: ['group', 'added', 'removed', 'changed', 'difference'],
    rows: [
      ...used.map((name) => [GROUPS[name], ...totalCells(groups[name])]),
      ...(used.length > 1 ? [['all', ...totalCells(total)]] : []),
    ],
    alignment: 'lr',
    notes: [
      `What a container sees: ${bytes(beforeBytes)} before, ${bytes(afterBytes)} after.`,
      'changed: type, content, link, mode or owner; times of modification are not compared.',
    ],
  };
}

function totalCells({ added, removed, changed }: DiffTotals): string[] {
  const growth = changed.afterBytes - changed.beforeBytes;
  const cell = (files: number, size: string) =>
    files === 0 ? '—' : `${size}, ${files} ${files === 1 ? 'file' : 'files'}`;
  return [
    cell(added.files, bytes(added.bytes)),
    cell(removed.files, bytes(removed.bytes)),
    cell(changed.files, signed(growth)),
    signed(added.bytes - removed.bytes + growth),
  ];
}

function signed(count: number): string {
  if (count === 0) return bytes(0);
  return `${count > 0 ? '+' : '−'}${bytes(Math.abs(count))}`;
}

function packageTable({ packages, packageCount }: Diff, shown: number): Section {
  return {
    title: 'npm packages that differ',
    header: ['package', 'before', 'after', 'difference'],
    rows: packages
      .slice(0, shown)
      .map(({ name, before, after, beforeBytes, afterBytes }) => [
        shorten(name, MAX_PATH_LENGTH),
        listVersions(before),
        listVersions(after),
        signed(afterBytes - beforeBytes),
      ]),
    alignment: 'lllr',
    notes: moreNote(packageCount, MAX_DIFF_PACKAGES, shown),
  };
}

/** The versions of all copies, each once. */
function listVersions(versions: ChangedPackage['before']): string {
  const unique = [...new Set(versions)].map((version) => {
    const copies = versions.filter((other) => other === version).length;
    return `${version ?? 'no version'}${copies > 1 ? ` (${copies} copies)` : ''}`;
  });
  return shorten(unique.join(', '), MAX_VERSIONS_LENGTH) || '—';
}

function fileTable({ files, total }: Diff, shown: number): Section {
  return {
    title: 'The largest files that differ',
    header: [],
    rows: files
      .slice(0, shown)
      .map((file) => [SIGNS[file.change], sizeCell(file), shorten(file.path, MAX_PATH_LENGTH), whatCell(file)]),
    alignment: 'lrl',
    notes: moreNote(countFiles(total), MAX_DIFF_FILES, shown),
  };
}

function sizeCell({ beforeBytes, afterBytes }: ChangedFile): string {
  const sizes = [beforeBytes, afterBytes].filter((size) => size !== null);
  return [...new Set(sizes)].map(bytes).join(' → ');
}

const whatCell = ({ what, note }: ChangedFile) =>
  [what.includes('content') && 'content', note].filter((text) => text).join('; ');

/** How many are not shown, and where they are. A report lists at most `listed`. */
function moreNote(count: number, listed: number, shown: number): string[] {
  if (count <= shown) return [];
  const where = listed < count ? `lists ${listed} of all` : 'lists all';
  return [`and ${count - shown} more: --json FILE ${where}`];
}
