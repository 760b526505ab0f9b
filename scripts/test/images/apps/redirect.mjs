// Responds with a redirect.
import { createServer } from 'node:http';

createServer((_request, response) => response.writeHead(302, { location: '/login?next=%2F' }).end()).listen(3000);
