// Accepts requests and never responds.
import { createServer } from 'node:http';

createServer(() => {}).listen(3000, () => console.log('listening'));
