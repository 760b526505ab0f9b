// Responds at once.
import { createServer } from 'node:http';

createServer((_request, response) => response.end('ok')).listen(3000, () => console.log('listening'));
