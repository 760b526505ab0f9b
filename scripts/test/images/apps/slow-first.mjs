// The first response takes 2 s, later ones come at once; each is the number of the request.
import { createServer } from 'node:http';

let requests = 0;
createServer((_request, response) => {
  requests += 1;
  const body = String(requests);
  setTimeout(() => response.end(body), requests === 1 ? 2000 : 0);
}).listen(3000);
