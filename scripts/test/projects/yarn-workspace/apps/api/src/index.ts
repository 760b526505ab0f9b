import { greet } from '@example/greeting';
import express from 'express';

const app = express();

app.get('/', (_request, response) => {
  response.json({ message: greet('a Yarn workspace') });
});

app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});

const server = app.listen(process.env.PORT || 3000);
process.once('SIGTERM', () => server.close());
