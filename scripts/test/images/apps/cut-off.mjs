// Closes the connection in the middle of a response.
import { createServer } from 'node:http';

createServer((_request, response) => {
  response.writeHead(200, { 'content-length': 1000 });
  response.write('x'.repeat(10), () => response.destroy());
}).listen(3000);
