// Responds to each request after 2 s, or DELAY_MS, with the number of the request.
import { createServer } from 'node:http';

let requests = 0;
createServer((_request, response) => {
  requests += 1;
  const body = String(requests);
  setTimeout(() => response.end(body), Number(process.env.DELAY_MS ?? 2000));
}).listen(3000);
