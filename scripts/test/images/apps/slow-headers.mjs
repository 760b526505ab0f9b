// Headers that do not end, slowly: one a second.
import { createServer } from 'node:net';

createServer((socket) => {
  socket.write('HTTP/1.1 200 OK\r\n');
  const timer = setInterval(() => socket.write('x-more: and more\r\n'), 1000);
  socket.on('error', () => {}).on('close', () => clearInterval(timer));
}).listen(3000);
