// Listens after 3 s.
import { createServer } from 'node:http';

const server = createServer((_request, response) => response.end('ok'));
setTimeout(() => server.listen(3000), 3000);
