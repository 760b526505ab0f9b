import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { spawnText } from '../lib/spawn.ts';

const SCRIPTS = join(import.meta.dirname, '..');
const PROGRAM = 'dist/compare-dockerfiles.js';

/** How the program is bundled: its own files in one, and the packages of package.json beside it. */
export const BUNDLE_OPTIONS = {
  absWorkingDir: SCRIPTS,
  entryPoints: ['compare-dockerfiles.ts'],
  outfile: PROGRAM,
  bundle: true,
  packages: 'external',
  platform: 'node',
  format: 'esm',
  target: 'node20',
  banner: { js: '#!/usr/bin/env node' },
  logLevel: 'warning',
} satisfies BuildOptions;

/** Makes what the package has beside its package.json: the program, the JSON Schemas, the README and the license. */
export async function buildPackage(signal: AbortSignal): Promise<void> {
  await rm(join(SCRIPTS, 'dist'), { recursive: true, force: true });
  await mkdir(join(SCRIPTS, 'dist'));
  await build(BUNDLE_OPTIONS);
  for (const name of ['project.schema.json', 'report.schema.json'])
    await cp(join(SCRIPTS, 'compare/model', name), join(SCRIPTS, 'dist', name));
  await cp(join(SCRIPTS, '../LICENSE'), join(SCRIPTS, 'LICENSE'));
  const help = await spawnText(process.execPath, [join(SCRIPTS, PROGRAM), '--help'], { signal });
  await writeFile(join(SCRIPTS, 'README.md'), describePackage(help));
}

/** The README: what the program itself says in its help. */
const describePackage = (help: string) => `# compare-dockerfiles

Builds the Dockerfiles of a project, runs the images, requests them, and compares what was measured: sizes, layers,
findings, times. It requires Node.js 20.19 or later, and Docker with BuildKit or Podman 4 or later.

\`\`\`sh
npx compare-dockerfiles
npx compare-dockerfiles ../my-app --inside
\`\`\`

A project's configuration can be a key of its package.json:

\`\`\`json
{
  "compare-dockerfiles": {
    "port": 8080,
    "budgets": { "Dockerfile": { "download": "70 MB", "findings": ["error"] } }
  }
}
\`\`\`

\`npx compare-dockerfiles --check\` then exits with 1 when a budget is exceeded. In a compare.config.json,
\`"$schema": "./node_modules/compare-dockerfiles/dist/project.schema.json"\` lets editors complete the keys. The JSON that
\`--json\` writes follows \`dist/report.schema.json\`.

## Options

\`\`\`text
${help.trim()}
\`\`\`
`;
