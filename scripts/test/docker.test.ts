import { expect, test } from 'vitest';
import { dockerEngine } from '../engine/docker.ts';
import { readContainerFacts } from '../engine/docker-inspect.ts';

test('an engine that cannot limit memory has no figure for a container, rather than that of all of its user', async () => {
  const engine = dockerEngine(
    {
      name: 'docker',
      version: '26.1.5',
      command: 'docker',
      builder: 'buildkit',
      imageStore: 'overlay2',
      rootless: true,
      limitsMemory: false,
    },
    { endpoint: { kind: 'local' } },
  );
  await expect(engine.memory('x')).rejects.toMatchObject({
    message: 'The engine does not count the memory of each container.',
  });
});

test('an empty health status, as Podman 4 has it without a health check, is none', () => {
  const healthOf = (health: object | null) =>
    readContainerFacts(
      JSON.stringify([
        {
          Config: {},
          State: { Running: true, ExitCode: 0, Pid: 1, StartedAt: '', FinishedAt: '', Health: health },
          NetworkSettings: {},
        },
      ]),
    ).health;
  expect(healthOf({ Status: '', Log: null })).toBeNull();
  expect(healthOf(null)).toBeNull();
  expect(healthOf({ Status: 'healthy', Log: [{ Output: 'ok' }] })).toEqual({ status: 'healthy', output: 'ok' });
});
