import { join } from 'node:path';
import { expect, test } from 'vitest';
import { advise } from '../dockerize/advise.ts';
import { lookAtProject } from '../dockerize/look-at-project.ts';

const look = lookAtProject(join(import.meta.dirname, 'projects/commonjs'), { secrets: [], buildArgs: [], node: 24 });

test.each([
  [
    'npm error gyp ERR! cwd /app/node_modules/@x/pprof\nnpm error gyp ERR! node -v v24.1.0',
    '@x/pprof cannot be compiled',
  ],
  [
    'gyp ERR! cwd /app/node_modules/.pnpm/a@1/node_modules/a',
    'a cannot be compiled for Node 24: update it, or use an older Node: --node 22',
  ],
  ['something else', undefined],
])('advice: %s', (error, advice) => {
  expect(advise(error, look) ?? '').toContain(advice ?? '');
  expect(advise(error, look) === null).toBe(advice === undefined);
});
