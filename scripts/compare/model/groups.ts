/** The groups of an image's bytes, in the order in which they are shown, with their names for a person. */
export const GROUPS = {
  baseSystem: 'base system',
  node: 'Node itself',
  packageManagers: 'package managers',
  productionDependencies: 'production dependencies',
  devDependencies: 'dev dependencies',
  application: 'application',
  caches: 'caches and temporary files',
  other: 'other',
} as const;

export type Group = keyof typeof GROUPS;
