import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { data, Evaluator, Lexer, Parser } from '@actions/expressions';
import { parse } from 'yaml';

/**
 * Runs the jobs of a workflow as GitHub's runner does, on this machine: the steps with a script really, with GitHub's own
 * evaluator of expressions. GitHub's services cannot be reached from a test: directories stand for the cache and for the
 * artifacts, and follow the rules that GitHub documents for keys, branches and names.
 */

interface Step {
  id?: string;
  if?: string;
  uses?: string;
  run?: string;
  shell?: string;
  with?: Record<string, string>;
  env?: Record<string, string>;
  'continue-on-error'?: boolean;
}

type Outputs = Record<string, string>;
type Contexts = Record<string, unknown>;
interface StepResult {
  outcome: 'success' | 'failure' | 'skipped';
  conclusion: 'success' | 'failure' | 'skipped';
  outputs: Outputs;
}

export interface RunnerOptions {
  /** Where the repository of the action is. */
  action: string;
  /** The checked-out repository that uses it. */
  workspace: string;
  /** What stands for GitHub's services, and survives a job. */
  services: string;
  /** The context `github`. */
  github: Record<string, unknown> & { event: Record<string, unknown>; run_id: string };
}

/** What this machine has instead of GitHub's images: the repository is there, and so is Node. */
const PROVIDED = ['actions/checkout', 'actions/setup-node'];

/** What the runner of a pull request's job and of a push would not pass on. */
const OF_THIS_PROCESS = /^(GITHUB_|RUNNER_|INPUT_|npm_|INIT_CWD$|CI$|NODE_ENV$|VITEST|TEST$)/i;

export class GitHubRunner {
  readonly #options: RunnerOptions;
  readonly #temp: string;
  /** Everything that the steps printed, and the files that they added to. */
  log = '';
  summary = '';
  #env: Outputs = {};
  #path: string[] = [];

  private constructor(options: RunnerOptions, temp: string) {
    this.#options = options;
    this.#temp = temp;
  }

  static async create(options: RunnerOptions): Promise<GitHubRunner> {
    const temp = await mkdtemp(join(options.services, 'job-'));
    await mkdir(join(temp, 'temp'));
    await writeFile(join(temp, 'event.json'), JSON.stringify(options.github.event));
    return new GitHubRunner(options, temp);
  }

  /** Runs the only job of a workflow; skipped when its condition is not met. */
  async run(workflowFile: string) {
    const workflow = parse(await readFile(workflowFile, 'utf8'));
    const [job] = Object.values(workflow.jobs) as { if?: string; steps: Step[]; permissions: unknown }[];
    if (!job) throw new Error(`${workflowFile} has no job`);
    const contexts = { github: this.#options.github, runner: this.#runnerContext(), steps: {}, env: {} };
    if (!this.#holds(job.if, contexts, true))
      return { conclusion: 'skipped' as const, steps: {} as Record<string, StepResult> };
    const { isFailed, results } = await this.#runSteps(job.steps, contexts, undefined);
    return { conclusion: isFailed ? ('failure' as const) : ('success' as const), steps: results };
  }

  #runnerContext = () => ({ os: 'Linux', arch: 'X64', temp: join(this.#temp, 'temp') });

  async #runSteps(steps: Step[], contexts: Contexts, actionPath: string | undefined) {
    const results: Record<string, StepResult> = {};
    let isFailed = false;
    for (const [index, step] of steps.entries()) {
      const all = { ...contexts, steps: results };
      const result: StepResult = { outcome: 'skipped', conclusion: 'skipped', outputs: {} };
      results[step.id ?? `__${index}`] = result;
      if (!this.#holds(step.if, all, !isFailed)) continue;
      const succeeded = await this.#runStep(step, all, actionPath, result.outputs).catch((error) => {
        this.log += `##[error]${error.message}\n`;
        return false;
      });
      result.outcome = succeeded ? 'success' : 'failure';
      result.conclusion = succeeded || step['continue-on-error'] ? 'success' : 'failure';
      isFailed ||= result.conclusion === 'failure';
    }
    return { isFailed, results };
  }

  async #runStep(step: Step, contexts: Contexts, actionPath: string | undefined, outputs: Outputs): Promise<boolean> {
    const env = this.#evaluateAll(step.env, contexts);
    if (step.run !== undefined) return this.#runScript(step, env, contexts, actionPath, outputs);
    const inputs = this.#evaluateAll(step.with, contexts);
    const [name = ''] = (step.uses ?? '').split('@');
    if (PROVIDED.includes(name)) return true;
    const service = this.#services[name];
    if (service) return service(inputs, outputs);
    const [, path] = /^OWNER\/multi-stage-node(\/.*)?$/.exec(name) ?? [];
    if (!name.startsWith('OWNER/multi-stage-node')) throw new Error(`No test knows the action ${step.uses}`);
    return this.#runComposite(join(this.#options.action, path ?? ''), inputs, contexts, outputs);
  }

  async #runComposite(directory: string, inputs: Outputs, contexts: Contexts, outputs: Outputs): Promise<boolean> {
    const action = parse(await readFile(join(directory, 'action.yml'), 'utf8'));
    for (const name of Object.keys(inputs)) if (!action.inputs?.[name]) throw new Error(`Unexpected input ${name}`);
    const defaults = Object.entries<{ default?: string }>(action.inputs ?? {}).map(([name, input]) => [
      name,
      input.default,
    ]);
    const inner = {
      github: contexts.github,
      runner: contexts.runner,
      inputs: { ...Object.fromEntries(defaults), ...inputs },
    };
    const { isFailed, results } = await this.#runSteps(action.runs.steps, inner, directory);
    for (const [name, { value }] of Object.entries<{ value: string }>(action.outputs ?? {})) {
      outputs[name] = this.#evaluate(value, { ...inner, steps: results });
    }
    return !isFailed;
  }

  // https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-syntax#jobsjob_idstepsshell
  async #runScript(
    { run = '', shell }: Step,
    env: Outputs,
    contexts: Contexts,
    actionPath: string | undefined,
    outputs: Outputs,
  ): Promise<boolean> {
    const directory = await mkdtemp(join(this.#temp, 'step-'));
    const file = (name: string) => join(directory, name);
    for (const name of ['output', 'env', 'path', 'summary']) await writeFile(file(name), '');
    await writeFile(file('script.sh'), this.#evaluate(run, contexts));
    const options = shell === 'bash' ? ['--noprofile', '--norc', '-eo', 'pipefail'] : ['-e'];
    const child = spawn('bash', [...options, file('script.sh')], {
      cwd: this.#options.workspace,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...Object.fromEntries(Object.entries(process.env).filter(([name]) => !OF_THIS_PROCESS.test(name))),
        PATH: [...this.#path, process.env.PATH].join(':'),
        ...this.#variables(),
        GITHUB_OUTPUT: file('output'),
        GITHUB_ENV: file('env'),
        GITHUB_PATH: file('path'),
        GITHUB_STEP_SUMMARY: file('summary'),
        ...(actionPath !== undefined && { GITHUB_ACTION_PATH: actionPath }),
        ...this.#env,
        ...env,
      },
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        this.log += chunk;
      });
    }
    const [code] = await once(child, 'close');
    Object.assign(outputs, readVariables(await readFile(file('output'), 'utf8')));
    Object.assign(this.#env, readVariables(await readFile(file('env'), 'utf8')));
    this.#path.unshift(...(await readFile(file('path'), 'utf8')).split('\n').filter(Boolean));
    this.summary += await readFile(file('summary'), 'utf8');
    if (code !== 0) this.log += `##[error]Process completed with exit code ${code}.\n`;
    return code === 0;
  }

  /** The variables that GitHub sets from the context. */
  #variables(): Outputs {
    const { github, workspace } = this.#options;
    const texts = Object.entries(github).filter(([, value]) => typeof value === 'string');
    const variables = texts.map(([name, value]) => [`GITHUB_${name.toUpperCase()}`, String(value)]);
    const { GITHUB_TOKEN, ...passed } = Object.fromEntries(variables);
    const files = { GITHUB_EVENT_PATH: join(this.#temp, 'event.json'), GITHUB_WORKSPACE: workspace };
    return { CI: 'true', GITHUB_ACTIONS: 'true', RUNNER_TEMP: join(this.#temp, 'temp'), ...passed, ...files };
  }

  readonly #services: Record<string, (inputs: Outputs, outputs: Outputs) => Promise<boolean>> = {
    'actions/cache/restore': async ({ path = '', key = '', 'restore-keys': others = '' }, outputs) => {
      checkKey(key);
      // A job reads what its own branch, the base branch and the default branch have saved, for the same path.
      const { ref, base_ref, event } = this.#options.github;
      const { default_branch } = event.repository as { default_branch: string };
      const refs = [ref, `refs/heads/${base_ref}`, `refs/heads/${default_branch}`];
      const entries = (await this.#cacheEntries()).filter(
        (entry) => refs.includes(entry.ref) && entry.path === this.#cachePath(path),
      );
      for (const wanted of [key, ...others.split('\n').filter(Boolean)]) {
        const found =
          entries.find((entry) => entry.key === wanted) ?? entries.find((entry) => entry.key.startsWith(wanted));
        if (!found) continue;
        await cp(join(found.directory, 'file'), path);
        outputs['cache-hit'] = String(found.key === key);
        outputs['cache-matched-key'] = found.key;
        break;
      }
      return true;
    },
    'actions/cache/save': async ({ path = '', key = '' }) => {
      checkKey(key);
      const entries = await this.#cacheEntries();
      const { ref } = this.#options.github;
      if (entries.some((entry) => entry.key === key && entry.ref === ref)) return true;
      const directory = join(this.#options.services, 'cache', String(entries.length).padStart(4, '0'));
      await mkdir(directory, { recursive: true });
      await cp(path, join(directory, 'file'));
      await writeFile(join(directory, 'entry.json'), JSON.stringify({ key, ref, path: this.#cachePath(path) }));
      return true;
    },
    'actions/upload-artifact': async ({ name = '', path = '' }, outputs) => {
      if (name === '' || /["<>|*?\r\n\\/:]/.test(name)) throw new Error(`Artifacts cannot have the name ${name}`);
      const target = this.artifactDirectory(name);
      if (await stat(target).catch(() => null)) throw new Error(`There is already an artifact ${name}`);
      await cp(path, target, { recursive: true });
      outputs['artifact-url'] = `https://github.example/runs/${this.#options.github.run_id}/artifacts/1`;
      return true;
    },
    'actions/download-artifact': async ({ name = '', path = '', 'run-id': run = '', 'github-token': token }) => {
      if (!token) throw new Error('The artifact of another run requires a token');
      await cp(this.artifactDirectory(name, run), path, { recursive: true });
      return true;
    },
  };

  artifactDirectory = (name: string, run = this.#options.github.run_id) =>
    join(this.#options.services, 'artifacts', run, name);

  /** Jobs have the same path of temporary files on GitHub, where a cache is only restored to the path it was saved from. */
  #cachePath = (path: string) => path.replace(this.#temp, '');

  /** The newest first. */
  async #cacheEntries() {
    const cache = join(this.#options.services, 'cache');
    const names = (await readdir(cache).catch(() => [])).sort().reverse();
    return Promise.all(
      names.map(async (name) => {
        const directory = join(cache, name);
        const entry = JSON.parse(await readFile(join(directory, 'entry.json'), 'utf8'));
        return { ...(entry as { key: string; ref: string; path: string }), directory };
      }),
    );
  }

  #evaluateAll = (texts: Record<string, string> = {}, contexts: Contexts): Outputs =>
    Object.fromEntries(Object.entries(texts).map(([name, text]) => [name, this.#evaluate(String(text), contexts)]));

  #evaluate = (text: string, contexts: Contexts): string =>
    text.replace(/\$\{\{(.*?)\}\}/gs, (_, expression) => evaluateExpression(expression, contexts, true).coerceString());

  /** Whether a condition holds. One without a function of the status requires success. */
  #holds(condition: string | undefined, contexts: Contexts, isSuccess: boolean): boolean {
    const [, expression = 'success()'] = /^\s*(?:\$\{\{)?(.*?)(?:\}\})?\s*$/s.exec(condition ?? 'success()') ?? [];
    const whole = /\b(success|failure|always|cancelled)\(/.test(expression)
      ? expression
      : `success() && (${expression})`;
    const value = evaluateExpression(whole, contexts, isSuccess);
    return !['false', '', '0'].includes(value.coerceString());
  }
}

function evaluateExpression(text: string, contexts: Contexts, isSuccess: boolean) {
  const status = { success: isSuccess, failure: !isSuccess, always: true, cancelled: false };
  const functions = Object.entries(status).map(([name, value]) => {
    return { name, minArgs: 0, maxArgs: 0, call: () => new data.BooleanData(value) };
  });
  const expression = new Parser(new Lexer(text).lex().tokens, Object.keys(contexts), functions).parse();
  const values = JSON.parse(JSON.stringify(contexts), data.reviver) as data.Dictionary;
  return new Evaluator(expression, values, new Map(functions.map((one) => [one.name, one]))).evaluate();
}

/** What a step wrote to an environment file: NAME=value, or NAME<<END, lines, and END. */
function readVariables(text: string): Outputs {
  const matches = text.matchAll(/^([\w-]+)(?:=(.*)|<<(.+)\n([\s\S]*?)\n?^\3$)$/gm);
  return Object.fromEntries([...matches].map(([, name, line, , lines]) => [name, line ?? lines]));
}

/** https://github.com/actions/toolkit/tree/main/packages/cache refuses other keys. */
function checkKey(key: string): void {
  if (key === '' || key.length > 512 || key.includes(',')) throw new Error(`A cache cannot have the key ${key}`);
}
