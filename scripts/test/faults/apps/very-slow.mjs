// Responds to each request after 20 s, with the number of the request.
import { createServer } from 'node:http';

let requests = 0;
createServer((_request, response) => {
  requests += 1;
  const body = String(requests);
  setTimeout(() => response.end(body), 20_000);
}).listen(3000);
