import { makeCertificate } from '../make-certificate.ts';
import { buildTools } from './image-tools.ts';
import { type Bench, docker } from './test-engine.ts';

const PORT = 5000;

/** Debian's docker-registry with https and a password, which is stored with bcrypt. */
const START = `
set -eu
cd /tmp
printf %s "$CERTIFICATE" > cert.pem
printf %s "$KEY" > key.pem
htpasswd -Bbn user "$PASSWORD" > htpasswd
cat > config.yml <<END
version: 0.1
storage: { filesystem: { rootdirectory: /tmp/registry } }
http: { addr: ':${PORT}', tls: { certificate: /tmp/cert.pem, key: /tmp/key.pem } }
auth: { htpasswd: { realm: test, path: /tmp/htpasswd } }
END
exec docker-registry serve config.yml`;

export interface TestRegistry {
  /** The id of its container. In there, the registry is on port 5000. */
  id: string;
  /** The address with the port, on the loopback interface. Docker accepts any certificate there. */
  host: string;
  /** The certificate, which has signed itself. */
  certificate: string;
  /** For the user `user`. */
  password: string;
}

/** Starts a registry. `bench` removes its container. */
export async function startImageRegistry(bench: Bench): Promise<TestRegistry> {
  const { cert, key } = makeCertificate();
  const password = `password-${bench.id}`;
  const env = { CERTIFICATE: cert, KEY: key, PASSWORD: password };
  const args = Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]);
  const publish = ['--publish', `127.0.0.1::${PORT}`];
  const image = await buildTools(bench);
  const id = await docker('run', '--detach', ...bench.labelArgs, ...publish, ...args, image, 'sh', '-c', START);
  for (let attempt = 0; ; attempt += 1) {
    const host = (await docker('port', id, `${PORT}/tcp`)).split('\n')[0] ?? '';
    // Docker's proxy accepts connections before the registry does.
    if (await hasCertificate(host)) return { id, host, certificate: cert, password };
    if (attempt > 200) throw new Error('The registry does not respond.');
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Whether something responds with TLS, by a certificate that is not trusted. */
async function hasCertificate(host: string): Promise<boolean> {
  const error = await fetch(`https://${host}/v2/`).catch((reason: Error) => reason.cause);
  return error instanceof Error && 'code' in error && error.code === 'DEPTH_ZERO_SELF_SIGNED_CERT';
}
