import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { BEHAVIOURS, type Behaviour } from '../../compare/model/behaviours.ts';
import type { BehaviourResult } from '../../compare/model/report-schema.ts';
import { checkBehaviour } from '../../compare/run/check-behaviour.ts';
import type { ImageFacts } from '../../engine/engine.ts';
import { Bench, docker, engine } from './test-engine.ts';

// Images that miss what a service should do: each check can fail, with its reason.

const bench = new Bench();
afterAll(async () => {
  const remaining = await docker('ps', '--all', '--quiet', ...bench.filterArgs);
  await bench.cleanUp();
  expect(remaining).toBe('');
});

const SERVER = (onTerm: string, atStart = '') => `
const fs = require('fs');
${atStart}
require('http').createServer((request, response) => {
  response.end(request.url === '/info' ? JSON.stringify({ heapLimitBytes: require('v8').getHeapStatistics().heap_size_limit }) : 'ok');
}).listen(3000, () => console.log('listening'));
process.on('SIGTERM', () => { ${onTerm} });
`;

async function image(server: string, instructions: string): Promise<ImageFacts> {
  const directory = await mkdtemp(join(tmpdir(), 'behaviour-'));
  await writeFile(join(directory, 'server.js'), server);
  await writeFile(
    join(directory, 'Dockerfile'),
    `FROM node:26-alpine\nCOPY server.js /\nEXPOSE 3000\n${instructions}\n`,
  );
  try {
    return await bench.buildImage(directory, 'Dockerfile');
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function checkResults(checked: ImageFacts): Promise<Map<Behaviour, BehaviourResult>> {
  const { results } = await checkBehaviour(engine, checked, {
    ...bench.containerOptions,
    onCheck: () => {},
  });
  return new Map(results.map((result) => [result.name, result]));
}

describe('behaviour', () => {
  test.concurrent('an app that does nearly everything wrong', { timeout: 300_000 }, async () => {
    const atStart = `
fs.writeFileSync('/state', '');
fs.chownSync('/state', 1, 1);
console.log('{\\n  "pretty": true\\n}');`;
    // Its health check always succeeds.
    const results = await checkResults(
      await image(
        SERVER('process.exit(3);', atStart),
        'HEALTHCHECK CMD exit 0\nCMD ["node", "--max-old-space-size=1024", "server.js"]',
      ),
    );
    const misses = [...results].filter(([, { ok }]) => ok === false).map(([name, { reason }]) => [name, reason]);
    expect(Object.fromEntries(misses)).toEqual({
      'in-flight': expect.stringMatching(/^a request that was in flight when SIGTERM arrived got no response: /),
      'exit-code': 'it ends with exit code 3',
      logs: 'a log entry has more than one line: "pretty": true',
      'read-only': expect.stringMatching(/^The container ended with exit code 1 before it responded\./),
      'no-privileges': expect.stringMatching(/^The container ended with exit code 1/),
      'any-user': expect.stringMatching(/^The container ended with exit code 1/),
      'memory-limit': 'its heap may grow to 1086 MB, with a limit of 537 MB',
      unhealthy: 'the app hangs, and its health status is still healthy',
    });
    expect(results.get('pid-1')?.ok).toBe(true);
    expect(results.get('healthy')?.ok).toBe(true);
  });

  test.concurrent('a shell as PID 1, and a health check that fails', { timeout: 300_000 }, async () => {
    const results = await checkResults(
      await image(SERVER('process.exit(0);'), 'HEALTHCHECK CMD echo no; exit 1\nCMD node server.js; true'),
    );
    expect(results.get('pid-1')).toMatchObject({
      ok: false,
      reason: 'PID 1 is: /bin/sh -c node server.js; true',
    });
    expect(results.get('exit-code')).toMatchObject({ ok: false, reason: 'it still runs 10 s after SIGTERM' });
    expect(results.get('healthy')).toMatchObject({ ok: false, reason: 'it is unhealthy: no' });
    expect(results.get('unhealthy')).toMatchObject({ ok: null });
    expect(results.get('read-only')?.ok).toBe(true);
  });

  test.concurrent('without a HEALTHCHECK and without /info, the rest is still checked', {
    timeout: 300_000,
  }, async () => {
    const server = SERVER('process.exit(0);').replace("request.url === '/info'", 'false');
    const results = await checkResults(await image(server, 'CMD ["node", "server.js"]'));
    expect(results.size).toBe(Object.keys(BEHAVIOURS).length - 1); // Without same-responses, which takes two images.
    expect(results.get('healthy')).toMatchObject({ ok: false, reason: 'its Dockerfile has no HEALTHCHECK' });
    expect(results.get('memory-limit')).toMatchObject({ ok: null });
    expect(results.get('logs')?.ok).toBe(true);
  });
});
