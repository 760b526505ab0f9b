import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { BEHAVIOURS, type Behaviour } from '../../compare/model/behaviours.ts';
import type { BehaviourResult } from '../../compare/model/report-schema.ts';
import { checkBehaviour } from '../../compare/run/check-behaviour.ts';
import type { Engine, ImageFacts } from '../../engine/engine.ts';
import { Bench, describeWithEngine, docker, engine } from './test-engine.ts';

// Images that miss what a service should do: each behaviour can fail, and says why.

const bench = new Bench();
afterAll(async () => {
  const left = engine && (await docker('ps', '--all', '--quiet', ...bench.filterArgs));
  await bench.cleanUp();
  expect(left ?? '').toBe('');
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
  const folder = await mkdtemp(join(tmpdir(), 'behaviour-'));
  await writeFile(join(folder, 'server.js'), server);
  await writeFile(join(folder, 'Dockerfile'), `FROM node:26-alpine\nCOPY server.js /\nEXPOSE 3000\n${instructions}\n`);
  try {
    return await bench.buildImage(folder, 'Dockerfile');
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function outcomes(tried: ImageFacts): Promise<Map<Behaviour, BehaviourResult>> {
  const result = await checkBehaviour(engine as Engine, tried, {
    port: 3000,
    labels: bench.labels,
    signal: new AbortController().signal,
    node: true,
    onCheck: () => {},
  });
  return new Map(result.results.map((one) => [one.name, one]));
}

describeWithEngine('behaviour', () => {
  test.concurrent('an app that does nearly everything wrong', { timeout: 300_000 }, async () => {
    const atStart = `
fs.writeFileSync('/state', '');
fs.chownSync('/state', 1, 1);
console.log('{\\n  "pretty": true\\n}');`;
    // Its health check always says yes, and leaves a process that nobody waits for.
    const found = await outcomes(
      await image(
        SERVER('process.exit(3);', atStart),
        'HEALTHCHECK CMD (sleep 0.01 &) ; exit 0\nCMD ["node", "server.js"]',
      ),
    );
    const told = [...found].filter(([, { ok }]) => ok === false).map(([name, { reason }]) => [name, reason]);
    expect(Object.fromEntries(told)).toEqual({
      'in-flight': expect.stringMatching(/^a request under way when SIGTERM came was not answered: /),
      'exit-code': 'it ends with exit code 3',
      logs: 'a log entry has more than one line: "pretty": true',
      'read-only': expect.stringMatching(/^The container ended with exit code 1 before it answered\./),
      'no-privileges': expect.stringMatching(/^The container ended with exit code 1/),
      'any-user': expect.stringMatching(/^The container ended with exit code 1/),
      'memory-limit': 'its heap may grow to 275 MB, with a limit of 268 MB',
      unhealthy: 'the app hangs, and it is still called healthy',
    });
    expect(found.get('pid-1')?.ok).toBe(true);
    expect(found.get('healthy')?.ok).toBe(true);
  });

  test.concurrent('a shell as process 1, and a health check that fails', { timeout: 300_000 }, async () => {
    const found = await outcomes(
      await image(SERVER('process.exit(0);'), 'HEALTHCHECK CMD echo no; exit 1\nCMD node server.js; true'),
    );
    expect(found.get('pid-1')).toMatchObject({
      ok: false,
      reason: 'PID 1 is: /bin/sh -c node server.js; true',
    });
    expect(found.get('exit-code')).toMatchObject({ ok: false, reason: 'it still runs 10 s after SIGTERM' });
    expect(found.get('healthy')).toMatchObject({ ok: false, reason: 'it is unhealthy: no' });
    expect(found.get('unhealthy')).toMatchObject({ ok: null });
    expect(found.get('read-only')?.ok).toBe(true);
  });

  test.concurrent('without a HEALTHCHECK and without /info, the rest is still found out', {
    timeout: 300_000,
  }, async () => {
    const server = SERVER('process.exit(0);').replace("request.url === '/info'", 'false');
    const found = await outcomes(await image(server, 'CMD ["node", "server.js"]'));
    expect(found.size).toBe(Object.keys(BEHAVIOURS).length - 1); // Answers are compared by who knows the others.
    expect(found.get('healthy')).toMatchObject({ ok: false, reason: 'its Dockerfile has no HEALTHCHECK' });
    expect(found.get('memory-limit')).toMatchObject({ ok: null });
    expect(found.get('logs')?.ok).toBe(true);
  });
});
