#!/usr/bin/env node
import { parseArgs } from 'node:util';
import { createApp } from './app.js';

const { values } = parseArgs({ options: { port: { type: 'string', short: 'p' } } });
const port = Number(values.port ?? process.env.PORT ?? 3000);

const server = createApp().listen(port, () => console.log(`Listening on port ${port}`));
process.once('SIGTERM', () => server.close());
