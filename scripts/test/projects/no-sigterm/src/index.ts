import express from 'express';

const app = express();

app.get('/', (_request, response) => {
  response.json({ message: 'Nobody listens for SIGTERM' });
});

app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});

app.listen(process.env.PORT || 3000);
