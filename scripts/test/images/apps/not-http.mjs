// Greets as a mail server does.
import { createServer } from 'node:net';

createServer((socket) => socket.on('error', () => {}).write('220 mail.example ESMTP ready\r\n')).listen(3000);
