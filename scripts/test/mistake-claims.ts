/**
 * What each mistake costs: how many times the unpacked size of its fixed Dockerfile, from the least to the most, and these
 * findings. Other tests of test/images/mistakes.test.ts check what is slower or behaves worse.
 */
export const CLAIMS: Record<
  string,
  { unpacked: [least: number, most: number]; findings?: string[]; noStart?: RegExp }
> = {
  // Even a little smaller: package.json and the lockfile are in one layer, not in two.
  '01-first-dockerfile/mistakes/copy-before-install': { unpacked: [0.99, 1.01] },
  '01-first-dockerfile/mistakes/no-dockerignore': { unpacked: [1.2, 1.5], findings: ['error env-file'] },
  '02-multi-stage/mistakes/chown-layer': { unpacked: [1.2, 1.6], findings: ['warning writable-files'] },
  '02-multi-stage/mistakes/copy-everything': {
    unpacked: [1.3, 1.8],
    findings: ['warning dev-dependency', 'warning compiler', 'warning sources'],
  },
  '02-multi-stage/mistakes/dev-dependencies': {
    unpacked: [1.3, 1.8],
    findings: ['warning dev-dependency', 'warning compiler'],
  },
  '02-multi-stage/mistakes/npm-start': { unpacked: [1, 1], findings: ['warning npm-process'] },
  '03-distroless/mistakes/node-twice': {
    unpacked: [1, 1],
    noStart: /^does not start: .*exit code 1 .*Cannot find module '\/app\/node'/,
  },
  '04-three-stage/mistakes/prune-later': { unpacked: [1.6, 2.2] },
  '04-three-stage/mistakes/secret-in-build-argument': {
    unpacked: [0.99, 1.01],
    findings: ['error secret-in-config'],
  },
};
