import { expect, test } from 'vitest';
import { readDockerfile, replaceBases } from '../lib/dockerfile.ts';

const read = (text: string) => readDockerfile(text, 'Dockerfile');

test('a single stage', () => {
  expect(read('FROM node:26\nRUN true\n')).toEqual({ bases: ['node:26'], finalBase: 'node:26' });
});

test('variables of the ARG lines above the first FROM, in all their forms', () => {
  const text = 'ARG V=26\nARG W=x\nFROM node:${V}-slim AS a\nFROM node:$V\nFROM img:${W:-y}\nFROM img:${NONE:-z}\n';
  expect(read(text).bases).toEqual(['node:26-slim', 'node:26', 'img:x', 'img:z']);
});

test('the platform of a stage is not part of its image, and requires no value', () => {
  const text = 'ARG V=26\nFROM --platform=$BUILDPLATFORM node:${V} AS a\nFROM node:${V}-slim\nCOPY --from=a /x /x\n';
  expect(read(text)).toEqual({ bases: ['node:26', 'node:26-slim'], finalBase: 'node:26-slim' });
});

test('a stage is not a base image, and the final base is the image below the last stage', () => {
  const text = 'FROM node:26 AS Base\nFROM debian:13 AS other\nFROM base AS app\n';
  expect(read(text)).toEqual({ bases: ['node:26', 'debian:13'], finalBase: 'node:26' });
});

test('an image of COPY --from is a base image, a stage or its number is not', () => {
  const text =
    'FROM node:26 AS a\nFROM scratch\nCOPY --from=a /x /x\nCOPY --from=0 /x /x\nCOPY --from=busybox:1 --chown=1 /x /x\n';
  expect(read(text)).toEqual({ bases: ['node:26', 'busybox:1'], finalBase: 'scratch' });
});

test('a FROM in a heredoc or a comment is ignored', () => {
  expect(read('# FROM bad:1\nFROM node:26\nRUN <<EOF\nFROM bad:2\nEOF\n').bases).toEqual(['node:26']);
});

test.each(['', 'hello', '# only a comment\n'])('without a FROM line there is an error: %j', (text) => {
  expect(() => read(text)).toThrow('Dockerfile has no FROM line');
});

test('a variable without a value is an error', () => {
  expect(() => read('ARG V\nFROM node:${V}\n')).toThrow('node:${V} requires a value for V');
});

test('base images are replaced', () => {
  const text =
    'ARG V=26\nFROM --platform=$BUILDPLATFORM node:${V} AS a\nRUN true\nFROM a AS b\nfrom scratch\nCOPY --from=a /x /x\nCOPY --chown=1 --from=node:${V}-slim \\\n  /y /y\n';
  expect(replaceBases(text, 'Dockerfile', (image) => `other/${image}`)).toBe(
    'ARG V=26\nFROM --platform=$BUILDPLATFORM other/node:26 AS a\nRUN true\nFROM a AS b\nfrom other/scratch\nCOPY --from=a /x /x\nCOPY --chown=1 --from=other/node:26-slim \\\n  /y /y\n',
  );
});

test('build arguments replace defaults, which may have the variables above them; FROM knows no other variables', () => {
  const text = 'ARG V=26\nARG IMAGE=node:${V}\nFROM ${IMAGE}\nARG LATE=1\nFROM ${V:+img}:${NONE:-x}\n';
  expect(readDockerfile(text, 'x', { buildArgs: { V: '24' } }).bases).toEqual(['node:24', 'img:x']);
  expect(readDockerfile(text, 'x', { buildArgs: { IMAGE: 'bun:1' } }).bases).toEqual(['bun:1', 'img:x']);
  expect(() => readDockerfile('FROM ${V}\n', 'x', { buildArgs: { V: 'a' } })).toThrow('requires a value');
});

test('a target selects the final stage, by name or number', () => {
  const text = 'FROM a AS One\nFROM b AS two\nFROM two AS three\n';
  const base = (target: string) => readDockerfile(text, 'x', { target }).finalBase;
  expect(['one', 'ONE', '0', 'two', 'three', '2', 'no-such'].map(base)).toEqual(['a', 'a', 'a', 'b', 'b', 'b', 'b']);
});

test('FROM may have the variables of the platform', () => {
  const text = 'FROM a-${TARGETARCH}${TARGETVARIANT:+-}${TARGETVARIANT:-} AS x\n';
  expect(readDockerfile(text, 'x', { platform: 'linux/arm/v7' }).finalBase).toBe('a-arm-v7');
  expect(readDockerfile(text, 'x', { platform: 'linux/amd64' }).finalBase).toBe('a-amd64');
});

test('a variable of the platform keeps its value in an ARG line without one, and may be given', () => {
  // Docker 20.10 takes the ARG line for an empty value.
  const text = 'ARG TARGETARCH\nFROM a-$TARGETARCH-$TARGETVARIANT\n';
  const options = { platform: 'linux/arm64', buildArgs: { TARGETVARIANT: 'v9' } };
  expect(readDockerfile(text, 'x', options).finalBase).toBe('a-arm64-v9');
});

test('FROM and a number is an image, not a stage; the escape character may be another', () => {
  expect(read('FROM a\nFROM 0\nCOPY --from=0 /x /x\n')).toEqual({ bases: ['a', '0'], finalBase: '0' });
  expect(read('# escape=`\nARG V=1\nFROM a:`v$V `\n  AS b\n').finalBase).toBe('a:v1');
});

test('a variable may be empty when the image still has a name', () => {
  const text = 'ARG REGISTRY=\nARG MIRROR\nARG IMAGE=${MIRROR}node\nFROM ${REGISTRY}${IMAGE}:26\n';
  expect(read(text).bases).toEqual(['node:26']);
  expect(readDockerfile(text, 'x', { buildArgs: { MIRROR: 'm.example/' } }).bases).toEqual(['m.example/node:26']);
});

test('variables are nested, and several are in one ARG', () => {
  const text = 'ARG A B=26\nFROM node:${A:-${B}}-alpine\n';
  expect(read(text).finalBase).toBe('node:26-alpine');
  expect(readDockerfile(text, 'x', { buildArgs: { A: '24' } }).finalBase).toBe('node:24-alpine');
  expect(() => read('FROM node:${V\n')).toThrow('Dockerfile: node:${V cannot be read: it has no closing }');
});

test('an image of RUN --mount=from is a base image, a stage is not', () => {
  const text =
    'FROM node:26 AS a\nRUN --mount=type=bind,from=busybox:1,target=/b --mount=from=a,target=/a \\\n  --mount=type=cache,target=/from=c true\n';
  expect(read(text).bases).toEqual(['node:26', 'busybox:1']);
  expect(replaceBases(text, 'Dockerfile', () => 'x')).toBe(text.replace('node:26', 'x').replace('busybox:1', 'x'));
});
