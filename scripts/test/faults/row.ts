const PRELUDE = "const { createServer } = require('http');";

/** A Dockerfile that runs JavaScript, with the http module in `createServer`. */
export const inline = (code: string, lines = '') =>
  `FROM node:26-alpine\n${lines}CMD ${JSON.stringify(['node', '-e', `${PRELUDE} ${code}`])}\n`;

/** A Dockerfile for an app that responds with this JavaScript: `q` is the request and `r` the response. */
export const respond = (code: string, lines = '') => inline(`createServer((q, r) => { ${code} }).listen(3000)`, lines);

/** The same as `inline` in an image that is the same for all code, so that its sizes are measured only once. */
export const app = (code: string, lines = '') => ({
  Dockerfile: `FROM node:26-alpine\n${lines}CMD ["node", "-e", "eval(process.env.APP)"]\n`,
  'compare.config.json': JSON.stringify({ env: { APP: `${PRELUDE} ${code}` } }),
});

/** The code of an app without a fault, and its Dockerfile. */
export const SERVER = "createServer((_, r) => r.end('x')).listen(3000)";
export const GOOD = inline(SERVER);

/** Small images: with one layer, and with none. The latter is for commands that end before anything is built. */
export const SMALL = 'FROM scratch\nCOPY Dockerfile /\nCMD ["x"]\n';
export const TINY = 'FROM scratch\nCMD ["/x"]\n';

/** A small image with a layer that no cache knows, so that it must be saved. */
export const newLayer = () => `FROM scratch\nCOPY Dockerfile /\nCMD ["${Math.random()}"]\n`;
