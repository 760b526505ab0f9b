import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { validateWorkflow } from '@action-validator/core';
import { Deployment } from 'kubernetes-models/apps/v1';
import { PodDisruptionBudget } from 'kubernetes-models/policy/v1';
import { Service } from 'kubernetes-models/v1';
import { describe, expect, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { findChapters } from '../compare/discover/chapters.ts';
import type { ToolError } from '../lib/errors.ts';
import { spawnText } from '../lib/spawn.ts';

// The files that the documents tell people to copy. The image tests start compose.yaml.

const ROOT = join(import.meta.dirname, '../..');
const CHAPTER = join(ROOT, '04-three-stage');
const readExample = (name: string) => readFile(join(ROOT, 'docs/examples', name), 'utf8');
const dockerfile = await readFile(join(CHAPTER, 'Dockerfile.multi'), 'utf8');

describe('kubernetes.yaml', async () => {
  const text = await readExample('kubernetes.yaml');
  const resources = readResources(text);
  const find = (kind: string) => resources.find((resource) => resource.kind === kind);
  const pod = find('Deployment').spec.template;
  const [container] = pod.spec.containers;
  const probes = ['startupProbe', 'readinessProbe', 'livenessProbe'].map((name) => container[name].httpGet);

  test('is what the schemas of Kubernetes accept', async () => {
    expect(resources.map(({ kind }) => kind)).toEqual(['Deployment', 'Service', 'PodDisruptionBudget']);
    expect(findSchemaError(text)).toBeNull();
    expect(await findUnknownFields(text)).toBe('');
  });

  test.each([
    ['seconds: 5', 'seconds: five', '/preStop/sleep/seconds must be integer'],
    ['drop: [ALL]', 'drop: ALL', '/capabilities/drop must be array'],
    ['      targetPort: http', '      targetPorts: http', null],
    ['readinessProbe:', 'readinesProbe:', null],
  ])('the check finds that "%s" became "%s"', async (right, wrong, schemaError) => {
    const broken = text.replace(right, wrong);
    expect(broken).not.toBe(text);
    // The schemas allow fields that they do not know; the types that are made from them do not.
    if (schemaError) expect(findSchemaError(broken)).toContain(schemaError);
    else expect(await findUnknownFields(broken)).toContain(`'"${wrong.trim().split(':')[0]}"' does not exist`);
  });

  test('the Service and the disruption budget find the pods, and the names of ports exist', () => {
    const { matchLabels } = find('Deployment').spec.selector;
    expect(pod.metadata.labels).toMatchObject(matchLabels);
    expect(find('Service').spec.selector).toEqual(matchLabels);
    expect(find('PodDisruptionBudget').spec.selector.matchLabels).toEqual(matchLabels);
    const ports = container.ports.map(({ name }: { name: string }) => name);
    for (const { targetPort } of find('Service').spec.ports) expect(ports).toContain(targetPort);
    for (const { port } of probes) expect(ports).toContain(port);
  });

  test('the image has that user and port, and the app the path of the probes', async () => {
    expect(lastMatch(dockerfile, /^USER (\d+)$/gm)).toBe(String(pod.spec.securityContext.runAsUser));
    const [{ containerPort }] = container.ports;
    expect(lastMatch(dockerfile, /^EXPOSE (\d+)$/gm)).toBe(String(containerPort));
    const server = await readFile(join(CHAPTER, 'src/index.ts'), 'utf8');
    expect(server).toContain(`readPort(value = '${containerPort}')`);

    for (const { path } of probes) {
      expect(await requestStatus({ stopping: false }, path)).toBe(200);
      // Not ready any more while it stops.
      expect(await requestStatus({ stopping: true }, path)).toBe(503);
    }
    expect(await requestStatus({ stopping: false }, '/healthy')).toBe(404);
  });

  test('Kubernetes kills the app only after preStop and the time that the app gives its open requests', async () => {
    const server = await readFile(join(CHAPTER, 'src/index.ts'), 'utf8');
    const stopLimitMs = Number(lastMatch(server, /STOP_LIMIT_MS = ([\d_]+)/g)?.replaceAll('_', ''));
    expect(stopLimitMs).toBeGreaterThan(0);
    const seconds = container.lifecycle.preStop.sleep.seconds + stopLimitMs / 1000;
    expect(pod.spec.terminationGracePeriodSeconds).toBeGreaterThan(seconds);
  });
});

describe('build.yml', async () => {
  const text = await readExample('build.yml');

  test.each([
    ['docs/examples/build.yml', text],
    ['.github/workflows/ci.yml', await readFile(join(ROOT, '.github/workflows/ci.yml'), 'utf8')],
  ])('%s is what the schema of GitHub Actions accepts', (_name, workflow) => {
    expect(validateWorkflow(workflow)).toEqual({ actionType: 'workflow', errors: [] });
  });

  test.each([
    ['runs-on:', 'run-on:'],
    ['contents: read', 'contents: reed'],
    ['  pull_request:\n', '  pull_requests:\n'],
  ])('the check finds that "%s" became "%s"', (right, wrong) => {
    const broken = text.replace(right, wrong);
    expect(broken).not.toBe(text);
    expect(validateWorkflow(broken).errors).not.toEqual([]);
  });

  test('pushes only on main, after the tests, and the Dockerfile has what it names', () => {
    const workflow = parse(text);
    const steps: Step[] = workflow.jobs.image.steps;
    const builds = steps.filter(({ uses }) => uses?.startsWith('docker/build-push-action@'));
    expect(builds.map(({ with: options }) => options?.push)).toEqual([
      undefined,
      "${{ github.event_name != 'pull_request' }}",
    ]);
    expect(workflow.on).toEqual({ push: { branches: ['main'] }, pull_request: null });
    expect(dockerfile).toMatch(new RegExp(`^FROM \\S+ AS ${builds[0]?.with?.target}$`, 'm'));
    const buildArgs = builds[1]?.with?.['build-args']?.matchAll(/^(\w+)=/gm) ?? [];
    const names = [...buildArgs].map(([, name]) => name);
    expect(names).toHaveLength(2);
    for (const name of names) expect(dockerfile).toMatch(new RegExp(`^ARG ${name}=`, 'm'));
  });
});

// Renovate's own schema is only in its package, which is too large to install for a test.
test('renovate.json finds the version of Node in every Dockerfile that has one in an ARG', async () => {
  const { customManagers } = JSON.parse(await readExample('renovate.json'));
  const [{ managerFilePatterns, matchStrings }] = customManagers;
  const [pattern] = managerFilePatterns.map((text: string) => new RegExp(text.slice(1, -1)));
  const found = [];
  for (const { dockerfile: path, file } of await findChapters(ROOT)) {
    const text = await readFile(path, 'utf8');
    if (!text.includes('ARG NODE_VERSION')) continue;
    expect(file).toMatch(pattern);
    const major = new RegExp(matchStrings[0]).exec(text)?.groups?.currentValue;
    expect(text).toContain(`ARG NODE_VERSION=${major}\n`);
    found.push(file);
  }
  expect(found).toContain('04-three-stage/Dockerfile.multi');
  expect('docs/production.md').not.toMatch(pattern);
});

test('compose.yaml builds a stage that exists and publishes the port of the app on this machine only', async () => {
  const { services } = parse(await readFile(join(CHAPTER, 'compose.yaml'), 'utf8'));
  expect(dockerfile).toMatch(new RegExp(`^FROM \\S+ AS ${services.app.build.target}$`, 'm'));
  expect(services.app.ports).toEqual([`127.0.0.1:3000:${lastMatch(dockerfile, /^EXPOSE (\d+)$/gm)}`]);
});

interface Step {
  uses?: string;
  with?: Record<string, string>;
}

/** The models of the kinds of resources in the example, and the names of their types. */
const MODELS = {
  Deployment: { Model: Deployment, type: "import('kubernetes-models/apps/v1').IDeployment" },
  Service: { Model: Service, type: "import('kubernetes-models/v1').IService" },
  PodDisruptionBudget: {
    Model: PodDisruptionBudget,
    type: "import('kubernetes-models/policy/v1').IPodDisruptionBudget",
  },
};

function readResources(text: string) {
  return parseAllDocuments(text).map((document) => document.toJS());
}

function modelOf(kind: string) {
  const model = MODELS[kind as keyof typeof MODELS];
  if (!model) throw new Error(`There is no model for the kind ${kind}`);
  return model;
}

/** The first violation of the JSON Schemas of Kubernetes, or null. */
function findSchemaError(text: string): string | null {
  for (const resource of readResources(text)) {
    try {
      new (modelOf(resource.kind).Model)(resource).validate();
    } catch (error) {
      return (error as Error).message;
    }
  }
  return null;
}

/** What the compiler says of the resources as objects of their types: fields that do not exist, such as misspelled ones. */
async function findUnknownFields(text: string): Promise<string> {
  const lines = readResources(text).map(
    (resource, index) => `export const resource${index}: ${modelOf(resource.kind).type} = ${JSON.stringify(resource)};`,
  );
  // Below node_modules: the compiler finds the packages, and git and Biome ignore it.
  await mkdir(join(ROOT, 'node_modules/.cache'), { recursive: true });
  const directory = await mkdtemp(join(ROOT, 'node_modules/.cache/examples-'));
  try {
    await writeFile(join(directory, 'resources.ts'), lines.join('\n'));
    const compiler = join(ROOT, 'node_modules/typescript/bin/tsc');
    const options = ['--ignoreConfig', '--noEmit', '--skipLibCheck', '--module', 'nodenext'];
    return await spawnText(process.execPath, [compiler, ...options, join(directory, 'resources.ts')]).catch(
      (error: ToolError) => [error.message, ...(error.lines ?? [])].join('\n'),
    );
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** The status with which chapter 04's app answers. */
async function requestStatus(state: { stopping: boolean }, path: string): Promise<number> {
  const { createApp } = await import(join(CHAPTER, 'src/app.ts'));
  const server = createApp(state).listen(0, '127.0.0.1');
  try {
    await once(server, 'listening');
    return (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`)).status;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

/** The first group of the last match. */
function lastMatch(text: string, pattern: RegExp): string | undefined {
  return [...text.matchAll(pattern)].at(-1)?.[1];
}
