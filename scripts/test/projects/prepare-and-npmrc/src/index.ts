import express from 'express';
import { z } from 'zod';
import { validateRequestParams } from 'zod-express-middleware';

const app = express();

app.get('/', (_request, response) => {
  response.json({ message: 'Validated by Zod' });
});

app.get('/users/:id', validateRequestParams(z.object({ id: z.coerce.number() })), (request, response) => {
  response.json({ user: request.params.id });
});

app.get('/healthz', (_request, response) => {
  response.json({ status: 'ok' });
});

const server = app.listen(process.env.PORT || 3000);
process.once('SIGTERM', () => server.close());
