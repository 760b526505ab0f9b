// Ends 2 s after the first request, without a response.
import { createServer } from 'node:http';

createServer(() => {
  setTimeout(() => {
    console.error('no database');
    process.exit(7);
  }, 2000);
}).listen(3000);
