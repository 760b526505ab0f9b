// Prints 600 MB, then listens.
import { once } from 'node:events';
import { createServer } from 'node:http';

const lines = `${'x'.repeat(999)}\n`.repeat(1000);
for (let megabytes = 0; megabytes < 600; megabytes += 1) {
  if (!process.stdout.write(lines)) await once(process.stdout, 'drain');
}
createServer((_request, response) => response.end('ok')).listen(3000, () => console.log('listening'));
process.on('SIGTERM', () => process.exit(0));
