// A body that does not end, as fast as it is read.
import { createServer } from 'node:http';

createServer((_request, response) => {
  const chunk = 'x'.repeat(1 << 16);
  const write = () => {
    while (response.write(chunk));
  };
  response.on('drain', write);
  write();
}).listen(3000);
