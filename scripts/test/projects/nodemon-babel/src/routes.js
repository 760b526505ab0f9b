import { Router } from 'express';

const routes = new Router();

routes.get('/', (_req, res) => {
  res.send('Compiled by Babel');
});

routes.get('/healthz', (_req, res) => {
  res.json({ status: 'ok' });
});

export default routes;
