import { describe, expect, test } from 'vitest';
import { findHealthRoute, findMisplacedPackages, findSigtermHandler } from '../dockerize/look/service.ts';
import { readDockerFiles } from '../project/docker-files.ts';
import { readManifest } from '../project/read-project.ts';
import { scanSource } from '../project/scan-source.ts';
import { FRAMEWORK, projectOf } from './dockerize-project.ts';

describe('health routes', () => {
  const find = (files: Record<string, string | object>) => {
    const project = projectOf(files);
    return findHealthRoute(project, scanSource(project, 'index.ts'), null, readDockerFiles(project));
  };
  test.each([
    [`app.get('/status', f); app.get('/healthz', f)`, '/healthz'],
    [`app.get('/users/:id/status', f); app.get('/rest/2fa/status', f)`, undefined],
    [`fastify.route({ method: 'GET', url: '/ping', handler })`, '/ping'],
    [`const r = Router(); r.get('/health', f); app.use('/api', r)`, '/api/health'],
    [`const r = Router(); r.get('/health', f); app.use('/api', all.api)`, undefined],
    [`import routes from './routes'; app.use('/api', routes)`, '/api/v1/health'],
    [`app.use('/api', require('./routes'))`, '/api/v1/health'],
    [`import routes from './routes'; app.register(routes, { prefix: '/api' })`, '/api/v1/health'],
    [`app.use('/health-check', healthRouter)`, '/health-check'],
    [`app.setGlobalPrefix('api'); @Controller('health') class A { @Get() check() {} }`, '/api/health'],
    [`@Controller() class A { @Get('healthz') check() {} }`, '/healthz'],
    [`cache.get('/health')`, undefined],
    ['// /health', undefined],
  ])('%s', (source, path) => {
    const files = {
      'index.ts': source,
      'routes.ts': `import health from './health'; const router = Router(); router.use('/v1', health); export default router`,
      'health.ts': `const router = Router(); router.get('/health', f); export default router`,
    };
    expect(find(files)?.value).toBe(path);
  });

  test.each([
    ['app/api/health/route.ts', '/api/health'],
    ['src/app/(internal)/healthz/route.ts', '/healthz'],
    ['pages/api/health.ts', '/api/health'],
    ['src/routes/healthz/+server.ts', '/healthz'],
    ['server/api/health.get.ts', '/api/health'],
    ['app/routes/resources.healthcheck.tsx', '/resources/healthcheck'],
    ['components/health.ts', undefined],
  ])('the file %s', (file, path) => {
    const project = projectOf({ [file]: '' });
    expect(findHealthRoute(project, scanSource(project, null), FRAMEWORK, readDockerFiles(project))?.value).toBe(path);
  });

  test.each([
    [
      'HEALTHCHECK in Dockerfile',
      { Dockerfile: 'FROM node\nENV PORT=1\nHEALTHCHECK CMD curl -f http://localhost:${PORT}/up || exit 1' },
    ],
    [
      'healthcheck in compose.yaml',
      { 'compose.yaml': 'services: { a: { build: ., healthcheck: { test: [CMD, curl, "http://127.0.0.1:1/up"] } } }' },
    ],
  ])('%s', (source, files) => {
    expect(find({ 'index.ts': '', ...files })).toStrictEqual({ value: '/up', source });
  });
});

describe('SIGTERM', () => {
  test.each([
    [`process.once('SIGTERM', stop)`, 'index.ts:1'],
    [`['SIGINT', 'SIGTERM'].forEach((name) => process.on(name, stop))`, 'index.ts:1'],
    [`for (const signal of ['SIGTERM'] as const) process.on(signal, stop)`, 'index.ts:1'],
    ['app.enableShutdownHooks()', 'index.ts:1'],
    [`import grace from 'close-with-grace'; grace(f)`, 'close-with-grace in index.ts:1'],
    [`import './other.ts'`, 'other.ts:1'],
    [`process.on('SIGINT', stop)`, undefined],
    [`process.kill(1, 'SIGTERM')`, undefined],
  ])('%s', (source, place) => {
    const project = projectOf({
      'index.ts': source,
      'other.ts': `process.on('SIGTERM', f)`,
      'unused.ts': `process.on('SIGTERM', f)`,
    });
    expect(findSigtermHandler(scanSource(project, 'index.ts'), null)?.source).toBe(place);
  });

  test('a framework that handles it', () => {
    const project = projectOf({});
    expect(findSigtermHandler(scanSource(project, null), FRAMEWORK)?.source).toBe('Next');
  });
});

test('misplaced: a development dependency that is always imported for more than its types', () => {
  const source = `import a from 'a'; import b from 'b'; import type c from 'c'; if (x) require('d'); import e from 'e'; f(a, b, e)`;
  const project = projectOf({
    'package.json': { dependencies: { b: '1' }, devDependencies: { a: '1', b: '1', c: '1', d: '1' } },
    'index.ts': source,
  });
  const manifests = new Map([['', project.manifest]]);
  const found = findMisplacedPackages(manifests, scanSource(project, 'index.ts'));
  expect(found).toStrictEqual([{ value: 'a', source: 'index.ts:1' }]);
  expect(findMisplacedPackages(manifests, scanSource(project, null))).toStrictEqual([]);
});

test('a development dependency that another package of the workspace depends on is in its place', () => {
  const project = projectOf({
    'lib/package.json': { name: 'lib', dependencies: { a: '1' } },
    'app/package.json': { name: 'app', dependencies: { lib: '1' }, devDependencies: { a: '1', b: '1' } },
    'app/index.ts': "import 'a'; import 'b';",
  });
  const manifests = new Map(['lib', 'app'].map((path) => [path, readManifest(project, path) ?? project.manifest]));
  const scan = scanSource({ ...project, app: 'app' }, 'index.ts');
  expect(findMisplacedPackages(manifests, scan).map(({ value }) => value)).toStrictEqual(['b']);
});
