import express from 'express';

const app = express();

app.get('/', (_request, response) => {
  response.json({ message: 'On port 8080' });
});

app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});

const server = app.listen(8080);
process.once('SIGTERM', () => server.close());
