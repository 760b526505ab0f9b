// Listens inside of the container only.
import { createServer } from 'node:http';

createServer((_request, response) => response.end('ok')).listen(3000, '127.0.0.1', () => console.log('listening'));
