import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { baseImagesOf } from '../compare/discover/chapters.ts';
import { findSubjects } from '../compare/discover/project.ts';
import { mergeSettings } from '../compare/model/settings.ts';
import { isStandIn } from '../engine/labels.ts';
import { registryOf } from '../setup/base-images.ts';
import { recipeFor } from '../setup/stand-ins.ts';

test('the base images that have a stand-in', () => {
  expect(recipeFor('node:26')).toEqual({ target: 'node', major: '26' });
  expect(recipeFor('docker.io/library/node:24-slim')).toEqual({ target: 'node-slim', major: '24' });
  expect(recipeFor('node:26-alpine')).toEqual({ target: 'node-alpine', major: '26' });
  expect(recipeFor('gcr.io/distroless/nodejs26-debian13:nonroot')).toEqual({ target: 'distroless', major: '26' });
  expect(recipeFor('debian:trixie-slim')).toEqual({ target: 'debian-slim', major: '' });
  for (const other of ['node', 'node:26.1.0', 'node:26-alpine3.24', 'debian:13', 'example.com/node:26']) {
    expect(recipeFor(other)).toBeNull();
  }
});

test('a stand-in is known by all names of its image, and not by those of images that inherit its label', () => {
  const image = { labels: { 'multi-stage-node.stand-in': 'docker.io/library/node:26' } };
  for (const name of ['node:26', 'library/node:26', 'docker.io/library/node:26']) {
    expect(isStandIn(image, name)).toBe(true);
  }
  for (const name of ['node:26-slim', 'example.com/node:26', 'my/app:1']) expect(isStandIn(image, name)).toBe(false);
  expect(isStandIn(null, 'node:26')).toBe(false);
});

test('the base images of a project have the values of its build arguments', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'bases-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, 'Dockerfile'), 'ARG BASE\nFROM ${BASE}\n');
  const settings = mergeSettings({ buildArgs: { BASE: 'node:26' } });
  expect(await baseImagesOf(await findSubjects('x', directory, {}, settings))).toEqual(['node:26']);
});

test('the registry of an image name', () => {
  expect(registryOf('node:26')).toBe('docker.io');
  expect(registryOf('someone/app')).toBe('docker.io');
  expect(registryOf('gcr.io/distroless/nodejs26-debian13:nonroot')).toBe('gcr.io');
  expect(registryOf('localhost:5000/app')).toBe('localhost:5000');
});
