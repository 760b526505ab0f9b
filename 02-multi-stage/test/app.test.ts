import express from 'express';
import request from 'supertest';
import { afterEach, expect, test, vi } from 'vitest';
import { createApp, handleError } from '../src/app.js';

afterEach(() => {
  vi.restoreAllMocks();
});

test('GET / greets as JSON', async () => {
  const response = await request(createApp()).get('/');
  expect(response.status).toBe(200);
  expect(response.type).toBe('application/json');
  expect(response.body).toEqual({ message: 'Hello from a container' });
  expect(response.headers).not.toHaveProperty('x-powered-by');
});

test('GET /healthz is 200 while serving and 503 while stopping', async () => {
  const state = { stopping: false };
  const app = createApp(state);
  expect((await request(app).get('/healthz')).status).toBe(200);
  state.stopping = true;
  expect((await request(app).get('/healthz')).status).toBe(503);
});

test('GET /info says where it runs', async () => {
  const { body } = await request(createApp()).get('/info');
  expect(body).toMatchObject({
    node: process.version,
    platform: process.platform,
    arch: process.arch,
    userId: process.getuid?.() ?? null,
    nodeEnv: 'test',
  });
  expect(body.heapLimitBytes).toBeGreaterThan(0);
  expect(body.uptimeSeconds).toBeGreaterThan(0);
  expect(body.memoryLimitBytes === null || body.memoryLimitBytes > 0).toBe(true);
});

test('anything else is a JSON 404', async () => {
  const response = await request(createApp()).post('/nowhere');
  expect(response.status).toBe(404);
  expect(response.body).toEqual({ error: 'Not found', path: '/nowhere' });
});

test('an error is a JSON 500 that leaks nothing', async () => {
  const log = vi.spyOn(console, 'error').mockImplementation(() => {});
  const app = express()
    .get('/', async () => {
      throw new Error('the database password is hunter2');
    })
    .use(handleError);
  const response = await request(app).get('/');
  expect(response.status).toBe(500);
  expect(response.body).toEqual({ error: 'Internal server error' });
  expect(log).toHaveBeenCalledOnce();
});
