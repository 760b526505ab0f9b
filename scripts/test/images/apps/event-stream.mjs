// A body that does not end, slowly: one event a second.
import { createServer } from 'node:http';

createServer((_request, response) => {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const timer = setInterval(() => response.write('data: tick\n\n'), 1000);
  response.on('close', () => clearInterval(timer));
}).listen(3000);
