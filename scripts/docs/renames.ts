import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** What is called otherwise while a document is run than in it. */
export interface Renames {
  /** Images and containers. The longest first, because one may begin as another does. */
  names: { name: string; own: string }[];
  /** Ports of the host. */
  ports: Map<string, string>;
}

/** New names for the images and containers that commands make, and free ports for those that they publish. */
export async function renamesFor(commands: string[], mark: string): Promise<Renames> {
  const all = commands.join('\n');
  const named = [...all.matchAll(/\s(?:-t|--tag|--name)[ =]([a-z0-9][a-z0-9._-]*)/g)].map(([, name = '']) => name);
  const names = [...new Set(named)].sort((a, b) => b.length - a.length);
  const published = [...all.matchAll(/127\.0\.0\.1:(\d+):/g)].map(([, port = '']) => port);
  const ports = new Map<string, string>();
  for (const port of new Set(published)) ports.set(port, String(await freePort()));
  return { names: names.map((name) => ({ name, own: `${name}-${mark}` })), ports };
}

/** A command with the new names and ports. */
export function renamed(command: string, { names, ports }: Renames): string {
  let text = command;
  for (const { name, own } of names) {
    text = text.replace(new RegExp(`(?<![\\w./-])${name.replaceAll('.', '\\.')}(?![\\w-])`, 'g'), own);
  }
  // Inside of a container the port is that of the document.
  const address = /^curl\b/.test(command) ? '(127\\.0\\.0\\.1:|localhost:)PORT\\b' : '(127\\.0\\.0\\.1:)PORT(?=:)';
  for (const [port, free] of ports) text = text.replace(new RegExp(address.replace('PORT', port), 'g'), `$1${free}`);
  return text;
}

/** What was printed, with the names and ports of the document. */
export function restored(output: string, { names, ports }: Renames): string {
  let text = output;
  for (const { name, own } of names) text = text.replaceAll(own, name);
  for (const [port, free] of ports) text = text.replace(new RegExp(`\\b${free}\\b`, 'g'), port);
  return text;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
