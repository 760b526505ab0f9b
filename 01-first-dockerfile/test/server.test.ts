import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, get, type IncomingMessage } from 'node:http';
import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';

// These tests start what `npm run build` made, because that is what runs in the image.

const running: ChildProcess[] = [];

afterEach(() => {
  for (const server of running.splice(0)) server.kill('SIGKILL');
});

test('SIGTERM lets a slow request finish, closes keep-alive connections and exits 0', async () => {
  const server = start({ PORT: '0' }, ['--import', './test/slow.js']);
  const port = /port (\d+)/.exec(await server.says('Listening'))?.[1];
  const agent = new Agent({ keepAlive: true });
  const answer = ask(`http://127.0.0.1:${port}/healthz`, agent);
  await server.says('request arrived');

  const stopped = Date.now();
  server.process.kill('SIGTERM');
  await server.says('SIGTERM');
  await expect(ask(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });

  const { status, body } = await answer;
  expect({ status, body }).toEqual({ status: 503, body: '{"status":"stopping"}' });
  expect(await server.exit).toEqual({ code: 0, signal: null });
  // Node keeps an idle connection for five seconds: far less means that the server closed it by itself.
  expect(Date.now() - stopped).toBeLessThan(4000);
  agent.destroy();
});

test('SIGINT ends an idle server with exit code 0', async () => {
  const server = start({ PORT: '0' });
  await server.says('Listening');
  server.process.kill('SIGINT');
  expect(await server.exit).toEqual({ code: 0, signal: null });
});

test.each(['http', '-1', '65536', '3000.5', ''])('PORT=%j is one clear line and exit code 1', async (value) => {
  const server = start({ PORT: value });
  expect(await server.exit).toEqual({ code: 1, signal: null });
  expect(server.output()).toBe(`PORT must be a whole number from 0 to 65535, but it is ${JSON.stringify(value)}\n`);
});

test('a port that is taken is one clear line and exit code 1', async () => {
  const other = createServer().listen(0);
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const server = start({ PORT: String(port) });
  expect(await server.exit).toEqual({ code: 1, signal: null });
  expect(server.output()).toMatch(new RegExp(`^Cannot listen on port ${port}: .*EADDRINUSE.*\n$`));
  other.close();
});

function start(env: Record<string, string>, nodeArguments: string[] = []) {
  const child = spawn(process.execPath, [...nodeArguments, 'dist/index.js'], { env: { ...process.env, ...env } });
  running.push(child);
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk;
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return {
    process: child,
    output: () => output,
    /** Resolves with the output so far once it holds `text`. */
    async says(text: string): Promise<string> {
      while (!output.includes(text)) {
        if (child.exitCode !== null) throw new Error(`The server ended without saying "${text}": ${output}`);
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      return output;
    },
    exit: once(child, 'close').then(([code, signal]) => ({ code, signal })),
  };
}

async function ask(url: string, agent?: Agent): Promise<{ status: number | undefined; body: string }> {
  const [response] = (await once(get(url, { agent }), 'response')) as [IncomingMessage];
  let body = '';
  for await (const chunk of response) body += chunk;
  return { status: response.statusCode, body };
}
