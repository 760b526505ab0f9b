import { greet } from '@example/greeting';
import express from 'express';

export function serve(verbose: boolean) {
  const app = express();

  app.get('/', (request, response) => {
    if (verbose) console.log(request.method, request.url);
    response.json({ message: greet(verbose ? 'a verbose command' : 'a command') });
  });

  app.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' });
  });

  const server = app.listen(process.env.PORT || 3000);
  process.once('SIGTERM', () => server.close());
}
