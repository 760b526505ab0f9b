// Closes each connection when a request comes.
import { createServer } from 'node:net';

createServer((socket) => socket.on('error', () => {}).once('data', () => socket.destroy())).listen(3000);
