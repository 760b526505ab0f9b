import { posix } from 'node:path';
import { DockerfileParser, PropertyInstruction } from 'dockerfile-ast';
import { expandVariables } from '../lib/expand-variables.ts';
import { listOf, mapOf, readYaml, textOf } from './read-data.ts';
import type { Project } from './read-project.ts';
import { tidy } from './script-commands.ts';

export type DockerFiles = ReturnType<typeof readDockerFiles>;

const NAMES = ['Dockerfile', 'docker/Dockerfile', 'Dockerfile.prod', 'Dockerfile.production', '.docker/Dockerfile'];
const COMPOSE = /^(docker\/)?(docker-)?compose[\w.-]*\.ya?ml$/;
const TEXT_LIMIT = 500_000;
const URL_PATH = /(?:localhost|127\.0\.0\.1|0\.0\.0\.0)(?::[\w${}:-]*)?(\/[\w./-]*)/;

/** What the project's own Dockerfile (its last stage) and Compose files say of the app, in this order: values with a source. */
export function readDockerFiles(project: Project) {
  const own = readDockerfile(project);
  const services = project.files.filter((path) => COMPOSE.test(path)).flatMap((path) => readCompose(project, path));
  const ports = [...own.ports, ...services.flatMap((one) => one.ports)];
  return { ...own, ports, checks: [...own.checks, ...services.flatMap((one) => one.checks)] };
}

/** The project's own Dockerfile, in the app's directory or at the root. */
function openDockerfile(project: Project) {
  const path = [project.app, ''].flatMap((base) => NAMES.map((name) => posix.join(base, name))).find(project.has) ?? '';
  const all = DockerfileParser.parse((project.read(path) ?? '').slice(0, TEXT_LIMIT)).getInstructions();
  const variables = new Map<string, string>();
  const expand = (text: string) => {
    try {
      return expandVariables(text, (name) => variables.get(name));
    } catch {
      return text;
    }
  };
  for (const one of all.filter((each) => each instanceof PropertyInstruction)) {
    for (const each of one.getProperties()) variables.set(each.getName(), expand(each.getValue() ?? '').slice(0, 200));
  }
  const last = all.slice(all.findLastIndex((one) => one.getKeyword() === 'FROM'));
  /** The arguments of an instruction. What the last stage does not say, one before it may: it may be its base. */
  const find = (keyword: string) => {
    const [own = [], others = []] = [last, all].map((stage) => stage.filter((one) => one.getKeyword() === keyword));
    return (own.length > 0 ? own : others).map((one) => one.getArgumentsContent() ?? '');
  };
  return { path, expand, find };
}

function readDockerfile(project: Project) {
  const { path, expand, find } = openDockerfile(project);
  const wordsOf = (keyword: string) => find(keyword).map((text) => (text.match(/[^\s"',[\]\\]+/g) ?? []).map(expand));
  const facts = (keyword: string, words: string[], read: (word: string) => string | undefined) =>
    words.flatMap((word) => read(word) || []).map((value) => ({ value, source: `${keyword} in ${path}` }));
  const home = wordsOf('WORKDIR').at(-1)?.[0] ?? '/app';
  const copied = wordsOf('COPY').flatMap((words) => words.slice(0, -1));
  return {
    ports: facts('EXPOSE', wordsOf('EXPOSE').flat(), (word) => (word.endsWith('/udp') ? '' : word.split('/')[0])),
    checks: facts('HEALTHCHECK', wordsOf('HEALTHCHECK').flat(), (word) => URL_PATH.exec(word)?.[1]),
    copies: facts('COPY', copied, (word) => tidy(word.replace(/^\/(usr\/src\/app\/|[\w-]+\/)?|.*\*.*|^--.*/, ''))),
    volumes: facts('VOLUME', wordsOf('VOLUME').flat(), (word) => posix.resolve(home, word).replace(`${home}/`, '')),
  };
}

/** What the app's own Dockerfile runs: its last CMD, after ENTRYPOINT, with paths relative to WORKDIR. */
export function readImageCommand(project: Project): string {
  const { path, expand, find } = openDockerfile(project);
  if (!path.startsWith(project.app)) return '';
  const last = (keyword: string) => {
    const value = find(keyword).at(-1) ?? '';
    return value.startsWith('[') ? value.replace(/["',[\]]+/g, ' ').replace(/^ *\S*sh +-c/, '') : value;
  };
  const line = `${last('ENTRYPOINT').replace(/.*\.sh\b.*/, '')} ${last('CMD')}`;
  return line.replaceAll(` ${tidy(expand(last('WORKDIR')))}/`, ' ');
}

/** What a Compose file says of the services that are built from the app's directory or the root. */
function readCompose(project: Project, path: string) {
  const services = Object.values(mapOf(readYaml(project.read(path)).services)).map(mapOf);
  return services.flatMap(({ build, ports, expose, environment, healthcheck }) => {
    const context = textOf(build) ?? textOf(mapOf(build).context) ?? '.';
    if (!build || !['', project.app].includes(tidy(posix.dirname(path), context))) return [];
    const variables = [listOf(environment), Object.entries(mapOf(environment)).map((pair) => pair.join('='))].flat();
    const set = variables.map((pair) => /^PORT=["']?(?:\$\{PORT:?-)?(\d+)/.exec(pair)?.[1]).find(Boolean);
    const targets = [ports, expose].flat().map((one) => mapOf(one).target ?? one);
    const port = set ?? targets.map((one) => /(?:^|[:-])(\d+)\}?(?:\/tcp)?$/.exec(String(one))?.[1]).find(Boolean);
    const check = URL_PATH.exec(listOf(mapOf(healthcheck).test).join(' '))?.[1];
    return {
      ports: port ? [{ value: port, source: `${set ? 'environment' : 'ports'} in ${path}` }] : [],
      checks: check ? [{ value: check, source: `healthcheck in ${path}` }] : [],
    };
  });
}
