import { readdir, readFile } from 'node:fs/promises';
import { request } from 'node:http';
import { json } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { DIRECTORY_LABEL, INVOCATION_LABEL } from '../../engine/labels.ts';
import { spawnText } from '../../lib/spawn.ts';

/** How long processes may take to end after the command that started them, in milliseconds. */
const PROCESSES_END_MS = 4000;

/** A container or an image that compare made. */
interface EngineObject {
  kind: 'container' | 'image';
  id: string;
  name: string;
  /** The work directory of the invocation that made it. Undefined when it does not say so. */
  owner: string | undefined;
}

/** The path of the engine's socket. */
export async function findEngineSocket(): Promise<string> {
  const host = await spawnText('docker', ['context', 'inspect', '--format', '{{.Endpoints.docker.Host}}']);
  if (!host.startsWith('unix://')) throw new Error(`The faults are tried with an engine on a Unix socket, not ${host}`);
  return host.slice('unix://'.length);
}

/** All containers and images on the engine that compare made, stopped ones included. */
export async function listEngineObjects(socketPath: string): Promise<EngineObject[]> {
  const filters = encodeURIComponent(JSON.stringify({ label: [INVOCATION_LABEL] }));
  const read = async (kind: EngineObject['kind'], path: string) => {
    const found = (await ask(socketPath, 'GET', `${path}?all=1&filters=${filters}`)) as ApiObject[];
    return found.map(({ Id, Labels, RepoTags, Names }): EngineObject => {
      const [name = Id.slice(0, 19)] = RepoTags ?? Names ?? [];
      return { kind, id: Id, name, owner: Labels?.[DIRECTORY_LABEL] };
    });
  };
  return [...(await read('container', '/containers/json')), ...(await read('image', '/images/json'))];
}

interface ApiObject {
  Id: string;
  Labels: Record<string, string> | null;
  RepoTags?: string[] | null;
  Names?: string[];
}

/** Removes what a trial has left, so that it cannot disturb another one. */
export async function removeEngineObjects(socketPath: string, objects: EngineObject[]): Promise<void> {
  for (const { kind, id } of objects) await ask(socketPath, 'DELETE', `/${kind}s/${id}?force=1`);
}

function ask(socketPath: string, method: string, path: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    request({ socketPath, method, path }, (response) => resolve(json(response).catch(() => null)))
      .on('error', reject)
      .end();
  });
}

/** The processes that have this variable in their environment, once they had the time to end. */
export async function findProcesses(variable: string): Promise<{ pid: number; command: string }[]> {
  for (const until = Date.now() + PROCESSES_END_MS; ; await sleep(100)) {
    const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
    const found = await Promise.all(
      pids.map(async (pid) => {
        const environment = await readFile(`/proc/${pid}/environ`, 'utf8').catch(() => '');
        if (!environment.split('\0').includes(variable)) return [];
        const command = (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).replaceAll('\0', ' ').trim();
        return command === '' ? [] : [{ pid: Number(pid), command }]; // A zombie has none.
      }),
    );
    if (found.flat().length === 0 || Date.now() > until) return found.flat();
  }
}
