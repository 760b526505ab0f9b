import express from 'express';
import { type Greeting, greet } from './greet.ts';

const app = express();

app.get('/', (_request, response) => {
  const greeting: Greeting = greet('a file with types');
  response.json(greeting);
});

app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});

const server = app.listen(process.env.PORT || 3000);
process.once('SIGTERM', () => server.close());
