import express from 'express';
import { newId } from './id.js';

const app = express();

app.get('/', (_request, response) => {
  response.json({ message: 'A new id', id: newId() });
});

app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});

const server = app.listen(process.env.PORT || 3000);
process.once('SIGTERM', () => server.close());
