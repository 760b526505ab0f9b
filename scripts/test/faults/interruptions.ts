import assert from 'node:assert';
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { AT } from './engine-proxy.ts';
import { GOOD, inline, newLayer, respond, TINY } from './row.ts';
import { useRegistry } from './servers.ts';
import type { Row, Trial } from './trial.ts';

/** Sends signals a moment after a request to the engine that fits has come so many times, with a pause between them. */
const signalAfter =
  (
    request: RegExp,
    signals: NodeJS.Signals[],
    { times = 1, afterMs = 700, pauseMs = 0, to = 'all' as 'all' | 'command' } = {},
  ) =>
  async (trial: Trial) => {
    const count = () => trial.proxy?.requests.filter((line) => request.test(line)).length ?? 0;
    await trial.until(() => count() >= times);
    await sleep(afterMs);
    for (const signal of signals) {
      trial.signal(signal, to);
      await sleep(pauseMs);
    }
  };

const row = (name: string, dockerfile: string, during: Row['during'], others: Partial<Row> = {}): Row => ({
  name,
  files: { Dockerfile: dockerfile },
  prepare: (trial) => trial.useProxy(),
  during,
  code: 130,
  within: 5,
  says: ['Interrupted'],
  ...others,
});

const SLOW_BUILD = inline('', 'RUN sleep 50\n');
const MUTE = respond('');
const LATE = inline("setTimeout(() => createServer((_, r) => r.end('x')).listen(3000), 8000)");
const NPM = { command: 'npm run --silent --prefix "$ROOT" compare -- .', says: [] };

/** Kills an invocation while another one runs, and starts a third. */
async function kill(trial: Trial): Promise<void> {
  const third = trial.start('compare third');
  await signalAfter(AT.start, ['SIGKILL'], { times: 2 })(trial);
  const next = trial.start('compare next');
  const codes = [await next.ended, await third.ended];
  assert.deepEqual(codes, [0, 0], `${next.output.stderr}${third.output.stdout}`);
  assert.match(next.output.stderr, /removed/i);
}

/** Ctrl-C, closed terminals and killed processes, in each phase. */
export const INTERRUPTIONS: Row[] = [
  row('Ctrl-C right after the start', GOOD, (trial) => sleep(300).then(() => trial.signal('SIGINT')), { says: [] }),
  row('Ctrl-C while it looks for what others have left', GOOD, signalAfter(AT.list, ['SIGINT'], { afterMs: 100 }), {
    prepare: (trial) => trial.useProxy(AT.list, 'delay'),
  }),
  row('Ctrl-C while a context of 20,000 files is read', TINY, signalAfter(AT.inspect, ['SIGINT'], { afterMs: 100 }), {
    prepare: async (trial) => {
      for (let index = 0; index < 20_000; index += 1) writeFileSync(`${trial.project}/${index}`, '');
      await trial.useProxy();
    },
  }),
  row('Ctrl-C in a build', SLOW_BUILD, signalAfter(AT.build, ['SIGINT'])),
  row('Ctrl-C while an image is saved', newLayer(), signalAfter(AT.save, ['SIGINT']), {
    prepare: (trial) => trial.useProxy(AT.save, 'delay'),
  }),
  row('Ctrl-C while a container starts', GOOD, signalAfter(AT.create, ['SIGINT']), {
    prepare: (trial) => trial.useProxy(AT.create, 'delay'),
  }),
  row('Ctrl-C while a request is pending', MUTE, signalAfter(AT.start, ['SIGINT']), { within: 3 }),
  row('Ctrl-C in --bench', GOOD, signalAfter(AT.create, ['SIGINT'], { times: 2 }), { command: 'compare . --bench' }),
  row(
    'Ctrl-C in a timed build',
    respond("r.end('x')", 'RUN sleep 2\n'),
    signalAfter(AT.build, ['SIGINT'], { times: 2 }),
    {
      command: 'compare . --bench --runs 1',
    },
  ),
  row(
    'Ctrl-C twice: the second while it cleans up',
    MUTE,
    signalAfter(AT.start, ['SIGINT', 'SIGINT'], { pauseMs: 1500 }),
    {
      prepare: (trial) => trial.useProxy(AT.remove, 'delay'),
      within: 15,
    },
  ),
  row('Ctrl-C three times at once', MUTE, signalAfter(AT.start, ['SIGINT', 'SIGINT', 'SIGINT'])),
  row('Ctrl-C with --json: no file is written', MUTE, signalAfter(AT.start, ['SIGINT']), {
    command: 'compare . --json out.json; code=$?; ls; exit $code',
    hides: ['out.json'],
  }),
  row('Ctrl-C through npm', SLOW_BUILD, signalAfter(AT.build, ['SIGINT']), NPM),
  row('SIGTERM', SLOW_BUILD, signalAfter(AT.build, ['SIGTERM']), { code: 143 }),
  row('SIGTERM to npm alone', SLOW_BUILD, signalAfter(AT.build, ['SIGTERM'], { to: 'command' }), { ...NPM, code: 143 }),
  row('SIGTERM to npm alone while a request is pending', MUTE, signalAfter(AT.start, ['SIGTERM'], { to: 'command' }), {
    ...NPM,
    code: 143,
  }),
  row('SIGHUP: the terminal is closed', SLOW_BUILD, signalAfter(AT.build, ['SIGHUP']), { code: 129 }),
  row('Ctrl-C while a registry does not answer', TINY, signalAfter(AT.build, ['SIGINT']), {
    files: {},
    prepare: async (trial) => {
      await trial.useProxy();
      await useRegistry(() => {})(trial);
    },
  }),
  row('kill -9: the next invocation removes what is left, and nothing of a third one that still runs', MUTE, kill, {
    files: { Dockerfile: MUTE, 'next/Dockerfile': GOOD, 'third/Dockerfile': LATE },
    code: 137,
    says: [],
    within: 40,
    alone: true,
  }),
];
