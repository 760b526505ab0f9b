// Responds with 503 for 3 s, then with 200.
import { createServer } from 'node:http';

createServer((_request, response) => {
  response.statusCode = process.uptime() < 3 ? 503 : 200;
  response.end('ok');
}).listen(3000);
