// HTTP/1.1 with `Connection: close` and without a length.
import { createServer } from 'node:net';

createServer((socket) => {
  socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok'));
}).listen(3000);
