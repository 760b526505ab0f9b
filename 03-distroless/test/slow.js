// Preloaded into the built server by server.test.ts: every request reaches the app one second late.
import { Server } from 'node:http';

const { emit } = Server.prototype;
Server.prototype.emit = function (event, ...values) {
  if (event !== 'request') return emit.call(this, event, ...values);
  setTimeout(() => emit.call(this, event, ...values), 1000);
  console.log('request arrived');
  return true;
};
