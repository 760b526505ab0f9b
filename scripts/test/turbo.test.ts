import { join } from 'node:path';
import { expect, test } from 'vitest';
import { spawnText } from '../lib/spawn.ts';

// What Turborepo may cache, and share with other machines: only what the files decide.

const ROOT = join(import.meta.dirname, '../..');
const TASKS = ['lint', 'typecheck', 'test', 'test:short', 'test:images'];

interface Task {
  taskId: string;
  command: string;
  hash: string;
  resolvedTaskDefinition: { cache: boolean };
}

async function planTasks(env: Record<string, string>): Promise<Task[]> {
  const turbo = join(ROOT, 'node_modules/turbo/bin/turbo');
  // It asks no cache.
  const args = ['run', ...TASKS, '--dry=json', '--cache=local:', '--no-update-notifier'];
  const text = await spawnText(process.execPath, [turbo, ...args], { cwd: ROOT, env: { ...process.env, ...env } });
  const { tasks } = JSON.parse(text) as { tasks: Task[] };
  return tasks.filter(({ command }) => command !== '<NONEXISTENT>');
}

const node20 = await planTasks({ npm_config_user_agent: 'npm/11.19.1 node/v20.20.2 linux x64' });
const node26 = await planTasks({ npm_config_user_agent: 'npm/11.19.1 node/v26.1.0 linux x64' });

test('the tests of the tool are not cached: their result depends on the machine and its engine', () => {
  const cached = node20.filter(({ resolvedTaskDefinition }) => resolvedTaskDefinition.cache);
  const others = cached.map(({ taskId }) => taskId).filter((id) => !/^\d\d-.+#(test|typecheck)$/.test(id));
  expect(others).toEqual(['//#lint', 'compare-dockerfiles#typecheck']);
});

test('another version of Node, or another operating system, runs the tests of the chapters again', () => {
  const isChapterTest = ({ taskId }: Task) => /^\d\d-.+#test$/.test(taskId);
  const changed = node20.filter(({ hash }, index) => hash !== node26[index]?.hash);
  expect(changed).toEqual(node20.filter(isChapterTest));
  expect(changed.length).toBeGreaterThan(0);
});
