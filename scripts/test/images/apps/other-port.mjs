// Listens on another port.
import { createServer } from 'node:http';

createServer((_request, response) => response.end('ok')).listen(4000, () => console.log('listening on 4000'));
