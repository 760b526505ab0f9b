interface NodeLine {
  /** When it became, or becomes, a version with long-term support; absent for a version that never does. */
  lts?: string;
  endOfLife: string;
}

/**
 * The dates of each major version of Node from 4 on, as published in July 2026: schedule.json in
 * https://github.com/nodejs/release#release-schedule
 */
const SCHEDULE: Record<number, NodeLine> = {
  4: { lts: '2015-10-12', endOfLife: '2018-04-30' },
  5: { endOfLife: '2016-06-30' },
  6: { lts: '2016-10-18', endOfLife: '2019-04-30' },
  7: { endOfLife: '2017-06-30' },
  8: { lts: '2017-10-31', endOfLife: '2019-12-31' },
  9: { endOfLife: '2018-06-30' },
  10: { lts: '2018-10-30', endOfLife: '2021-04-30' },
  11: { endOfLife: '2019-06-01' },
  12: { lts: '2019-10-21', endOfLife: '2022-04-30' },
  13: { endOfLife: '2020-06-01' },
  14: { lts: '2020-10-27', endOfLife: '2023-04-30' },
  15: { endOfLife: '2021-06-01' },
  16: { lts: '2021-10-26', endOfLife: '2023-09-11' },
  17: { endOfLife: '2022-06-01' },
  18: { lts: '2022-10-25', endOfLife: '2025-04-30' },
  19: { endOfLife: '2023-06-01' },
  20: { lts: '2023-10-24', endOfLife: '2026-04-30' },
  21: { endOfLife: '2024-06-01' },
  22: { lts: '2024-10-29', endOfLife: '2027-04-30' },
  23: { endOfLife: '2025-06-01' },
  24: { lts: '2025-10-28', endOfLife: '2028-04-30' },
  25: { endOfLife: '2026-06-01' },
  26: { lts: '2026-10-28', endOfLife: '2029-04-30' },
};

/** The last day, such as `2029-04-30`, on which a version such as `26.12.1` is supported; null where it is not known. */
export const endOfLife = (version: string): string | null => SCHEDULE[Number(version.split('.')[0])]?.endOfLife ?? null;

/** The major versions with long-term support on a day such as `2026-11-01`, the newest first. */
export const supportedMajors = (day: string): number[] =>
  Object.entries(SCHEDULE)
    .filter(([, line]) => line.lts !== undefined && line.lts <= day && day <= line.endOfLife)
    .map(([major]) => Number(major))
    .reverse();
