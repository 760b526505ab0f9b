import express from 'express';

const app = express();

// The patch turns the header off.
app.get('/', (_request, response) => {
  response.json({ message: app.enabled('x-powered-by') ? 'Not patched' : 'Patched' });
});

app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});

const server = app.listen(process.env.PORT || 3000);
process.once('SIGTERM', () => server.close());
