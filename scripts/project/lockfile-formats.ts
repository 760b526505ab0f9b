/** By file. npm takes npm-shrinkwrap.json first: https://docs.npmjs.com/cli/v11/configuring-npm/npm-shrinkwrap-json */
export const LOCKFILES = {
  'npm-shrinkwrap.json': 'npm',
  'package-lock.json': 'npm',
  'pnpm-lock.yaml': 'pnpm',
  'yarn.lock': 'yarn',
} as const;

/** What makes a lockfile. npm's last flag is for projects that have `package-lock=false` in .npmrc. */
export const MAKE_LOCKFILE: Record<string, string> = {
  npm: 'npm install --package-lock-only --package-lock',
  pnpm: 'pnpm install --lockfile-only',
  yarn: 'yarn install',
};

/**
 * The versions that read a format, the preferred one last. `yarn install --immutable` refuses the format of an older Yarn: 8
 * is that of Yarn 4.0 to 4.13, 10 that of 4.15 and later (tried with each).
 */
const VERSIONS: Record<string, Record<string, string[]>> = {
  npm: {},
  pnpm: { 5: ['7.33.7'], 6: ['8.15.9'], 9: ['9.15.9', '10.34.8'] },
  yarn: { 1: ['1.22.22'] },
  'yarn-berry': { 4: ['2.4.2'], 5: ['3.1.1'], 6: ['3.8.7'], 8: ['4.13.0'], 9: ['4.14.1'], 10: ['4.18.1'] },
};

/** The format of a lockfile, and the versions of its package manager that read it: those of the newest format if it is not known. */
export function readFormat(text: string, manager: 'npm' | 'pnpm' | 'yarn') {
  const start = text.slice(0, 10_000);
  const [, format = '1'] = /^(?:\s*"?lockfileVersion"?: *['"]?| {2}version: )(\d[\d.]*)/m.exec(start) ?? [];
  const name = manager === 'yarn' && /^__metadata:/m.test(start) ? 'yarn-berry' : manager;
  const known = VERSIONS[name] ?? {};
  return { name, format, versions: known[format.split('.')[0] ?? ''] ?? Object.values(known).at(-1) ?? [] } as const;
}
