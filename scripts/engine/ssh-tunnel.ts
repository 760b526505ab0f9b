import { access, rm } from 'node:fs/promises';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { ToolError } from '../lib/errors.ts';
import { type SpawnOptions, spawnConnection, spawnText } from '../lib/spawn.ts';
import { createWorkDirectory } from '../lib/work-directory.ts';
import type { SshDestination } from './endpoint.ts';

/** How long ssh may take to connect, in milliseconds. */
const CONNECT_LIMIT_MS = 30_000;
const POLL_MS = 20;
/** What a path may have that ssh reads as a control path, and as a part of `-L`; and how long a socket's name may be. */
const PLAIN_PATH = /^[\w./-]{1,80}$/;
/** A port that nothing listens on, as a rule. ssh says whether it may connect at all. */
const ANY_PORT = 1;
/** What ssh says where it may connect, and nothing listens. */
const REFUSED = /open failed: connect failed/;
/** No connection that the user's configuration shares: it would not pass on that one side has ended. */
const UNSHARED = ['-S', 'none', '-o', 'ControlMaster=no'];

/** A local port from which connections go through a tunnel. */
export interface TunnelEntrance {
  host: string;
  port: number;
  close(): Promise<void>;
}

/** The arguments of ssh, which docker calls in the same way: no destination can be an option. */
export function sshArgs({ host, user, port, identity }: SshDestination, options: string[], command: string[] = []) {
  return [
    // Messages say why a connection fails, whatever the user's configuration says of them.
    ...['-T', '-a', '-x', '-o', 'LogLevel=INFO', ...options],
    ...(user === undefined ? [] : ['-l', user]),
    ...(port === undefined ? [] : ['-p', port]),
    ...(identity === undefined ? [] : ['-i', identity]),
    ...['--', host, ...command],
  ];
}

/**
 * Connections to ports of a machine that the user's own ssh reaches. All of them share one connection of ssh, where it can
 * do that; otherwise each has its own. The way into the tunnel is a port that this process listens on, so nothing else can.
 */
export class SshTunnel {
  readonly #destination: SshDestination;
  readonly #options: SpawnOptions;
  #connected: Promise<void> | undefined;
  #directory: string | undefined;
  #master: Duplex | undefined;
  #isShared = false;
  #count = 0;

  constructor(destination: SshDestination, options: SpawnOptions) {
    this.#destination = destination;
    this.#options = options;
  }

  /** Connects once. @throws {ToolError} when ssh cannot connect, or does not let connections through. */
  connect(): Promise<void> {
    this.#connected ??= (async () => {
      const results = await Promise.allSettled([this.#checkForwarding(), this.#startMaster()]);
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    })();
    return this.#connected;
  }

  /** Opens a way to a port of the other machine. */
  async open(host: string, port: number): Promise<TunnelEntrance> {
    await this.connect();
    const target = `${host.includes(':') ? `[${host}]` : host}:${port}`;
    const shared = this.#isShared ? await this.#forward(target) : null;
    const dial = shared?.dial ?? (() => this.#spawn([...UNSHARED, '-W', target]));
    const { server, sockets } = await listen(dial);
    const { port: localPort } = server.address() as { port: number };
    const close = async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await shared?.cancel();
    };
    return { host: '127.0.0.1', port: localPort, close };
  }

  /** Ends the connection of ssh. */
  async close(): Promise<void> {
    this.#isShared = false;
    this.#master?.destroy();
    if (this.#directory) await rm(this.#directory, { recursive: true, force: true });
  }

  #spawn(options: string[], command?: string[]): Duplex {
    return spawnConnection('ssh', sshArgs(this.#destination, options, command), this.#options);
  }

  async #checkForwarding(): Promise<void> {
    const args = sshArgs(this.#destination, [...UNSHARED, '-W', `127.0.0.1:${ANY_PORT}`]);
    const { signal } = this.#options;
    await spawnText('ssh', args, { ...this.#options, timeout: CONNECT_LIMIT_MS }).catch((error: unknown) => {
      signal?.throwIfAborted();
      if (!(error instanceof ToolError)) throw error;
      if (!error.lines.some((line) => REFUSED.test(line))) throw describeSshError(this.#destination, error);
    });
  }

  /** Starts the connection that the others share. Its end of input ends it: it cannot outlive this process. */
  async #startMaster(): Promise<void> {
    // Windows' ssh cannot share connections.
    if (process.platform === 'win32') return;
    this.#directory = await createWorkDirectory();
    const path = this.#controlPath(this.#directory);
    if (!PLAIN_PATH.test(path)) return;
    const options = ['-M', '-S', path, '-o', 'ControlPersist=no', '-o', 'ClearAllForwardings=yes'];
    const master = this.#spawn(options, ['cat']);
    let isOpen = true;
    // Without it, each connection is one of ssh.
    master
      .on('error', () => {})
      .once('close', () => {
        [isOpen, this.#isShared] = [false, false];
      });
    this.#master = master.resume();
    const end = performance.now() + CONNECT_LIMIT_MS;
    while (isOpen && !this.#isShared && performance.now() < end) {
      await sleep(POLL_MS, undefined, { signal: this.#options.signal });
      if (isOpen) this.#isShared = await exists(path);
    }
  }

  #controlPath(directory: string): string {
    return join(directory, 'ssh');
  }

  /** Lets the shared connection forward a socket, which only this user can reach, to a port. */
  async #forward(target: string) {
    const directory = this.#directory ?? '';
    this.#count += 1;
    const path = join(directory, String(this.#count));
    const request = (action: string) => {
      // It only asks the process that is connected: what the user's configuration forwards for this host is not asked for.
      const args = ['-F', 'none', '-S', this.#controlPath(directory), '-O', action, '-L', `${path}:${target}`];
      const options = { ...this.#options, timeout: CONNECT_LIMIT_MS };
      return spawnText('ssh', [...args, '--', this.#destination.host], options);
    };
    try {
      await request('forward');
    } catch (error) {
      this.#options.signal?.throwIfAborted();
      if (this.#isShared) throw describeSshError(this.#destination, error);
      // The connection has ended meanwhile.
      return null;
    }
    const cancel = async () => {
      if (this.#isShared && !this.#options.signal?.aborted) await request('cancel').catch(() => {});
    };
    return { dial: () => connect({ path, allowHalfOpen: true }), cancel };
  }
}

/** Listens on a free port, and joins each connection to one of `dial`. */
async function listen(dial: () => Duplex): Promise<{ server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    sockets.add(socket);
    const remote = dial();
    socket.pipe(remote).on('error', () => socket.destroy());
    remote.pipe(socket).on('error', () => remote.destroy());
    // What has come is still passed on.
    remote.on('close', () => socket.end());
    socket.on('close', () => {
      sockets.delete(socket);
      remote.destroy();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve);
  });
  return { server, sockets };
}

const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

/** Why ssh failed, in one line. */
export function describeSshError({ host, user }: SshDestination, error: unknown): unknown {
  if (!(error instanceof ToolError)) return error;
  const name = user === undefined ? host : `${user}@${host}`;
  const reason = error.lines.find((line) => /open failed/.test(line)) ?? error.lines.at(-1) ?? error.message;
  const isProhibited = /administratively prohibited|forwarding.*(?:disabled|refused)/i.test(error.lines.join('\n'));
  const action = isProhibited ? ' Let sshd forward connections (AllowTcpForwarding), or use: --no-run' : '';
  const message = `ssh cannot connect to the ports that the engine publishes on ${name}: ${reason.trim()}.${action}`;
  return new ToolError(message.replace('..', '.'), { code: 'usage' });
}
