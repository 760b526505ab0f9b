import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'vitest';
import { type Report, reportSchema } from '../../compare/model/report-schema.ts';
import { startProgram } from './test-engine.ts';

// A small project whose images are the same on every engine: what the tests of the engines compare them by.

/** npm's cache and V8's compiled code are in no layer: their bytes differ each time. */
const install = (command: string) => `RUN --mount=type=cache,target=/root/.npm ${command} && rm -rf /tmp/*`;

const START = 'EXPOSE 3000\nCMD ["node", "src/index.js"]\n';

const FILES = {
  '.dockerignore': 'Dockerfile*\nnode_modules\nreport.json\n',
  'package.json': JSON.stringify({
    name: 'app',
    version: '1.0.0',
    private: true,
    dependencies: { mitt: '3.0.1' },
    devDependencies: { picocolors: '1.1.1' },
  }),
  'package-lock.json': JSON.stringify({
    name: 'app',
    version: '1.0.0',
    lockfileVersion: 3,
    requires: true,
    packages: {
      '': { name: 'app', version: '1.0.0', dependencies: { mitt: '3.0.1' }, devDependencies: { picocolors: '1.1.1' } },
      'node_modules/mitt': {
        version: '3.0.1',
        integrity: 'sha512-vKivATfr97l2/QBCYAkXYDbrIWPM2IIKEl7YPhjCvKlG3kE2gm+uBo6nEXK3M5/Ffh/FLpKExzOQ3JJoJGFKBw==',
        license: 'MIT',
      },
      'node_modules/picocolors': {
        version: '1.1.1',
        integrity: 'sha512-xceH2snhtb5M9liqDsmEw56le376mTZkEX/jEb/RxNFyegNul7eNslCXP9FDj/Lcu0X8KEyMceP2ntpaHrDEVA==',
        dev: true,
        license: 'ISC',
      },
    },
  }),
  'src/index.js': `
const { createServer } = require('node:http');
const { getHeapStatistics } = require('node:v8');
const events = require('mitt')();

const pages = {
  '/': () => 'Hello',
  '/healthz': () => 'ok',
  '/info': () => JSON.stringify({ heapLimitBytes: getHeapStatistics().heap_size_limit }),
};
events.on('request', ({ request, response }) => {
  const page = pages[request.url];
  response.statusCode = page ? 200 : 404;
  response.end(page ? page() : 'Not found');
});
const server = createServer((request, response) => events.emit('request', { request, response }));
server.listen(3000, () => console.log('Listening on port 3000'));
process.on('SIGTERM', () => server.close());
`,
  'Dockerfile.single': `FROM node:26-alpine
WORKDIR /app
COPY . .
${install('npm ci')}
${START}`,
  'Dockerfile.multi': `FROM node:26-alpine AS build
WORKDIR /app
COPY package.json package-lock.json ./
${install('npm ci --omit=dev')}
FROM node:26-alpine
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY package.json ./
COPY src ./src
USER 1000
HEALTHCHECK CMD ["node", "-e", "http.get('http://127.0.0.1:3000/healthz', (r) => process.exit(r.statusCode === 200 ? 0 : 1)).on('error', () => process.exit(1))"]
${START}`,
};

/** Writes the project into a directory. */
export async function writeEngineProject(directory: string): Promise<void> {
  await mkdir(join(directory, 'src'), { recursive: true });
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(directory, name), text);
}

/** Runs compare on the project, and returns its report. */
export async function compareEngineProject(directory: string, args: string[]): Promise<Report> {
  const env = { INIT_CWD: directory };
  const { code, stdout, stderr } = await startProgram('compare', ['.', ...args, '--json', 'report.json'], env).ended;
  expect(code, stdout + stderr).toBe(0);
  return reportSchema.parse(JSON.parse(await readFile(join(directory, 'report.json'), 'utf8')));
}
