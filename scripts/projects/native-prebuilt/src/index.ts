import bcrypt from 'bcrypt';
import express from 'express';

const app = express();

app.get('/', (_request, response) => {
  response.json({ message: `Hashed with ${bcrypt.hashSync('hello', 4).slice(0, 7)}` });
});

app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});

const server = app.listen(process.env.PORT || 3000);
process.once('SIGTERM', () => server.close());
