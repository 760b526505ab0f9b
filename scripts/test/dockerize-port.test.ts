import { describe, expect, test } from 'vitest';
import { findPorts, readsPort } from '../dockerize/look/port.ts';
import { readDockerFiles } from '../project/docker-files.ts';
import { findHostVariable } from '../project/host-variable.ts';
import { scanSource } from '../project/scan-source.ts';
import { FRAMEWORK, projectOf } from './dockerize-project.ts';

const find = (files: Record<string, string | object>) => {
  const project = projectOf(files);
  const scan = scanSource(project, 'index.ts');
  return { port: findPorts(project, scan, null, readDockerFiles(project)).port, reads: readsPort(scan) };
};

describe('in the source code', () => {
  test.each([
    ['app.listen(8080)', 8080, false],
    ['const port = 8080; app.listen(port)', 8080, false],
    ['app.listen(process.env.PORT || 8080)', 8080, true],
    [`app.listen(Number(process.env.PORT ?? '8080'))`, 8080, true],
    ['app.listen(parseInt(process.env.PORT, 10) || 8080)', 8080, true],
    ['app.listen({ port: +process.env.PORT! || 8080 })', 8080, true],
    ['const { PORT = 8080 } = process.env; app.listen(PORT)', 8080, true],
    ['const { PORT: port = 8080 } = process.env; app.listen(port)', 8080, true],
    ['const p = process.env.PORT ? Number(process.env.PORT) : 8080; app.listen(p)', 8080, true],
    [`serve({ fetch: app.fetch, port: 8080 })`, 8080, false],
    [`app.listen(config.get<number>('PORT', 8080))`, 8080, true],
    [`await app.listen(config.get('PORT') ?? 8080)`, 8080, true],
    ['const env = z.object({ PORT: z.coerce.number().min(1).max(65535).default(8080) })', 8080, true],
    ['const env = cleanEnv(process.env, { PORT: port({ default: 8080 }) })', 8080, true],
    ['const s = Joi.object({ PORT: Joi.number().default(8080).max(9000) })', 8080, true],
    [`const c = convict({ port: { format: 'port', default: 8080, env: 'PORT' } })`, 8080, true],
    [`app.set('port', process.env.PORT || 8080)`, 8080, true],
    ['const port = [process.env.PORT, 8080].map(Number).find(Boolean)', 8080, true],
    [`import { config } from './config'; app.listen(config.port)`, 8080, true],
    [`app.listen(readPort(process.env.PORT)); function readPort(value = '8080') { return Number(value) }`, 8080, true],
    ['const APP_PORT = process.env.APP_PORT || 8080', 8080, false],
    ['app.listen(parseInt(process.env.PORT, 10))', 3000, true],
    ['const x = { DB_PORT: process.env.DB_PORT || 5432, redis: { port: process.env.R || 6379 } }', null, false],
    [`connection.port = options['redis-port'] || 6379`, null, false],
    ['identd.listen(113); app.listen(80)', 80, false],
  ])('%s', (source, port, reads) => {
    const files = {
      'index.ts': source,
      'config.ts': 'export const config = { db: { port: 5432 }, port: process.env.PORT || 8080 }',
    };
    const found = find(files);
    expect([found.port?.value ?? null, found.reads]).toStrictEqual([port, reads]);
  });

  test('a literal that nothing can change wins over EXPOSE', () => {
    const files = { 'index.ts': '\napp.listen(8080)', Dockerfile: 'FROM node\nEXPOSE 3000' };
    expect(find(files).port).toStrictEqual({ value: 8080, source: 'index.ts:2' });
  });
});

test('of several ports in the source code, it is the one that the Dockerfile exposes', () => {
  const source = 'const DEFAULT_PORT = 8080; smtp.listen(1025); web.listen(get() ?? DEFAULT_PORT)';
  const Dockerfile = 'FROM node\nEXPOSE 8080 1025';
  expect(find({ 'index.ts': source, Dockerfile }).port).toStrictEqual({ value: 8080, source: 'EXPOSE in Dockerfile' });
  expect(find({ 'index.ts': source }).port?.value).toBe(1025);
});

test.each([
  [`app.listen(80, process.env.HOST || 'localhost')`, 'HOST'],
  [`const host = process.env.BIND ?? '127.0.0.1'; app.listen({ port: 80, host })`, 'BIND'],
  [`app.listen(80, process.env.HOST || '0.0.0.0')`, undefined],
  [`app.listen(80); open(process.env.HOST || 'localhost')`, undefined],
])('the variable without which it listens on localhost: %s', (source, name) => {
  expect(findHostVariable(scanSource(projectOf({ 'index.ts': source }), 'index.ts'))?.value).toBe(name);
});

describe('elsewhere', () => {
  const compose = (service: string) => `services:\n  db: { image: postgres, ports: ["5432:5432"] }\n  app: ${service}`;
  test.each([
    ['EXPOSE in Dockerfile', { Dockerfile: 'FROM node AS a\nARG P=8080\nEXPOSE ${P}/tcp 9229\nFROM a' }],
    ['EXPOSE in Dockerfile', { Dockerfile: 'FROM node\nEXPOSE 8125/udp 8080' }],
    ['ports in compose.yaml', { 'compose.yaml': compose('{ build: ., ports: ["80:8080"] }') }],
    [
      'ports in docker-compose.yml',
      { 'docker-compose.yml': compose('{ build: { context: . }, ports: [{ target: 8080 }] }') },
    ],
    [
      'environment in compose.yaml',
      { 'compose.yaml': compose('{ build: ., ports: ["80:1"], environment: [PORT=8080] }') },
    ],
    ['script start in package.json', { 'package.json': { scripts: { start: 'PORT=${PORT:=8080} node .' } } }],
    ['PORT in .env.example', { '.env.example': 'DB_PORT=5432\nPORT=8080' }],
    ['PORT in config/default.json', { 'config/default.json': { db: { port: 5432 }, port: 8080 } }],
  ])('%s', (source, files) => {
    expect(find({ 'index.ts': 'app.listen(process.env.PORT)', ...files }).port).toStrictEqual({ value: 8080, source });
  });

  test('the default of the FRAMEWORK, and nothing', () => {
    const project = projectOf({ 'src/a.ts': '' });
    expect(findPorts(project, scanSource(project, null), FRAMEWORK, readDockerFiles(project)).port).toStrictEqual({
      value: 3000,
      source: 'default of Next',
    });
    expect(findPorts(project, scanSource(project, null), null, readDockerFiles(project)).port).toBeNull();
  });

  test('the default of a framework that starts its own server, whatever else listens', () => {
    const project = projectOf({ 'index.ts': 'metrics.listen(5565)' });
    const [scan, own] = [scanSource(project, 'index.ts'), readDockerFiles(project)];
    expect(findPorts(project, scan, { ...FRAMEWORK, command: ['build/index.js'] }, own).port?.value).toBe(3000);
    expect(findPorts(project, scan, FRAMEWORK, own).port?.value).toBe(5565);
  });

  test.each(['services: [', 'a: &a [*a, *a]\nservices: *a', 'services: { app: 5 }', ''])(
    'a Compose file that cannot be read: %s',
    (text) => {
      expect(find({ 'index.ts': '', 'compose.yaml': text }).port).toBeNull();
    },
  );
});
