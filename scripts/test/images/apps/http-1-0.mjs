// HTTP/1.0: the end of the connection is the end of the body.
import { createServer } from 'node:net';

createServer((socket) => {
  socket.on('error', () => {}).once('data', () => socket.end('HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nok'));
}).listen(3000);
