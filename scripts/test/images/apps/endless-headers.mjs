// Headers that do not end, as fast as they are read.
import { createServer } from 'node:net';

createServer((socket) => {
  const write = () => {
    while (socket.write('x-more: and more\r\n'));
  };
  socket.on('error', () => {}).on('drain', write);
  socket.write('HTTP/1.1 200 OK\r\n');
  write();
}).listen(3000);
