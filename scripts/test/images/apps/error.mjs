// Responds with 500.
import { createServer } from 'node:http';

createServer((_request, response) => response.writeHead(500).end('TypeError: x is undefined\n')).listen(3000);
