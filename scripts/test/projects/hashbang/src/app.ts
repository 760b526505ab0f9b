import express from 'express';

export function createApp() {
  const app = express();

  app.get('/', (_request, response) => {
    response.json({ message: 'Started as a command' });
  });

  app.get('/healthz', (_request, response) => {
    response.json({ status: 'ok' });
  });

  return app;
}
