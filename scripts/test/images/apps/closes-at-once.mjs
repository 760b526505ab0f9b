// Closes each connection before a request comes.
import { createServer } from 'node:net';

createServer((socket) => socket.on('error', () => {}).destroy()).listen(3000);
