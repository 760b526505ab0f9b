import { posix } from 'node:path';
import { type Copy, DockerfileParser, type Instruction } from 'dockerfile-ast';
import { parse } from 'yaml';
import { z } from 'zod';
import { expandVariables } from '../lib/expand-variables.ts';
import type { Project } from './read-project.ts';

/** The last stage of the Dockerfile that a project has already. */
export interface OwnStage {
  path: string;
  /** Replaces the variables of its ARG and ENV lines. */
  expand(word: string): string;
  /** The instructions of a kind in the last stage that has one. */
  find(keyword: string): Instruction[];
  copies: Copy[];
}

const NAMES = ['Dockerfile', 'docker/Dockerfile', 'Dockerfile.prod', 'Dockerfile.production', '.docker/Dockerfile'];
const LIMIT = 500_000;

/** Finds the project's own Dockerfile, in the app's directory or at the root. */
export function findOwnStage(project: Project): OwnStage | null {
  const names = [...new Set([project.app, ''])].flatMap((directory) =>
    NAMES.map((name) => posix.join(directory, name)),
  );
  const path = names.find(project.has);
  const text = path ? project.read(path) : null;
  if (!path || text === null || text.length > LIMIT) return null;
  const all = DockerfileParser.parse(text).getInstructions();
  const starts = all.flatMap((one, at) => (one.getKeyword() === 'FROM' ? [at] : []));
  const variables = new Map<string, string>();
  const expand = (word: string) => {
    try {
      return expandVariables(word, (name) => variables.get(name), '\\');
    } catch {
      return word;
    }
  };
  for (const one of all.filter((instruction) => /^(ARG|ENV)$/.test(instruction.getKeyword()))) {
    const words = one.getArguments().map((argument) => argument.getValue());
    const pairs = words[1] && !words[0]?.includes('=') ? [`${words[0]}=${words[1]}`] : words;
    for (const pair of pairs) {
      const [, name = '', value] = /^(\w+)=(.*)$/s.exec(pair) ?? [];
      if (value !== undefined) variables.set(name, expand(value.replace(/^(["'])(.*)\1$/s, '$2')));
    }
  }
  const stages = starts.map((start, at) => all.slice(start, starts[at + 1])).reverse();
  const find = (keyword: string) =>
    stages.map((stage) => stage.filter((one) => one.getKeyword() === keyword)).find((found) => found.length > 0) ?? [];
  const copies = (stages[0] ?? []).filter((one): one is Copy => one.getKeyword() === 'COPY');
  return { path, expand, find, copies };
}

const list = z.array(z.unknown()).catch([]);
const serviceSchema = z.object({
  build: z.union([z.string(), z.object({ context: z.string().catch('.') }).transform(({ context }) => context)]),
  ports: list,
  expose: list,
  environment: z.union([z.record(z.string(), z.unknown()), list]).catch([]),
  healthcheck: z.unknown().optional(),
});
const composeSchema = z.object({ services: z.record(z.string(), serviceSchema.nullable().catch(null)) });

/** The services of the project's Compose files that are built from the app's directory or the root. */
export function findComposeServices(project: Project) {
  const paths = project.files.filter((path) => /^(docker\/)?(docker-)?compose[\w.-]*\.ya?ml$/.test(path));
  return paths.flatMap((path) => {
    try {
      const text = (project.read(path) ?? '').slice(0, LIMIT);
      const { services } = composeSchema.parse(parse(text, { logLevel: 'silent' }));
      const all = Object.values(services).flatMap((service) => (service ? [{ path, ...service }] : []));
      const contextOf = (build: string) => posix.join(posix.dirname(path), build, '.').replace(/\/$/, '');
      return all.filter(({ build }) => ['.', project.app].includes(contextOf(build)));
    } catch {
      return [];
    }
  });
}
