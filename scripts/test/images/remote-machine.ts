import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildTools, ENGINE_RIGHTS, WRITABLE_CGROUPS } from './image-tools.ts';
import { type Bench, docker } from './test-engine.ts';

// A machine with an engine of its own, which is reached by TLS and ssh: a container of this machine's engine.

/** Makes keys, and starts the services. What its clients require is in /client. */
const START = `set -e
${WRITABLE_CGROUPS}
mkdir -p /client /server /run/sshd /root/.ssh
cd /server
address=$(hostname -i)
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=ca -keyout ca.key -out ca.pem
sign() {
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=$1 -keyout $1.key -out $1.csr
  openssl x509 -req -in $1.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile <(echo "$2") -out $1.pem
}
sign server "subjectAltName = IP:$address"
sign client 'extendedKeyUsage = clientAuth'
cp ca.pem /client/ca.pem; cp client.pem /client/cert.pem; cp client.key /client/key.pem
ssh-keygen -q -A
ssh-keygen -q -t ed25519 -N '' -f /client/id
cp /client/id.pub /root/.ssh/authorized_keys
echo "$address $(cat /etc/ssh/ssh_host_ed25519_key.pub)" > /client/known_hosts
cp /bin/busybox /client/busybox
/usr/sbin/sshd -o MaxStartups=100
tls='--tlsverify --tlscacert ca.pem --tlscert server.pem --tlskey server.key'
dockerd --host unix:///var/run/docker.sock --host tcp://0.0.0.0:2376 $tls > /tmp/daemon.log 2>&1 &
for i in $(seq 300); do docker version > /dev/null 2>&1 && exit; sleep 0.1; done
cat /tmp/daemon.log
exit 1`;

export interface RemoteMachine {
  id: string;
  /** Its address in the network of this machine's engine. */
  address: string;
  /** A directory with what clients require: certificates, as DOCKER_CERT_PATH has them, and `bin` with an ssh that has a key. */
  client: string;
  /** Removes the directory. */
  close(): Promise<void>;
}

/** Starts the machine. `bench` removes its container. */
export async function startRemoteMachine(bench: Bench): Promise<RemoteMachine> {
  const image = await buildTools(bench);
  const args = [...bench.labelArgs, ...ENGINE_RIGHTS, '--volume', '/var/lib/docker', image];
  const id = await docker('run', '--detach', ...args, 'bash', '-c', 'sleep infinity & wait');
  await docker('exec', id, 'bash', '-c', START);
  const address = await docker('inspect', '--format', '{{.NetworkSettings.Networks.bridge.IPAddress}}', id);
  const directory = await mkdtemp(join(tmpdir(), 'remote-machine-'));
  const client = join(directory, 'client');
  await docker('cp', `${id}:/client`, directory);
  const config = ['User root', `IdentityFile ${client}/id`, `UserKnownHostsFile ${client}/known_hosts`];
  await writeFile(join(client, 'config'), `${config.join('\n')}\n`);
  // Docker calls ssh without options of its user. Of several -F the last one counts.
  await mkdir(join(client, 'bin'));
  await writeFile(join(client, 'bin/ssh'), `#!/bin/sh\nPATH=\${PATH#*:}\nexec ssh -F ${client}/config "$@"\n`);
  await chmod(join(client, 'bin/ssh'), 0o755);
  await chmod(join(client, 'id'), 0o600);
  return { id, address, client, close: () => rm(directory, { recursive: true }) };
}
