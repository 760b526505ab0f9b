// A body of 2 MB.
import { createServer } from 'node:http';

createServer((_request, response) => response.end('x'.repeat(2_000_000))).listen(3000);
