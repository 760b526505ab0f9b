// Responds with 503 for ever.
import { createServer } from 'node:http';

createServer((_request, response) => response.writeHead(503).end('no database\n')).listen(3000);
