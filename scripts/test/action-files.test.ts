import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { validateAction, validateWorkflow } from '@action-validator/core';
import { NoOperationTraceWriter, parseWorkflow } from '@actions/workflow-parser';
import { parseAction } from '@actions/workflow-parser/actions/action-parser';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

// The actions of this repository, and the workflows that users copy. images/action.test.ts runs them.

const ROOT = join(import.meta.dirname, '../..');
const read = (file: string) => readFile(join(ROOT, file), 'utf8');

const ACTION = 'action.yml';
const COMMENT = 'scripts/action/comment/action.yml';
const SIZE = 'docs/examples/size.yml';
const SIZE_COMMENT = 'docs/examples/size-comment.yml';
const FILES = [ACTION, COMMENT, SIZE, SIZE_COMMENT];
const texts = new Map(await Promise.all(FILES.map(async (file) => [file, await read(file)] as const)));
const textOf = (file: string) => texts.get(file) ?? '';

const isAction = (file: string) => file.endsWith('action.yml');

/** What a schema of actions and workflows and GitHub's own parser, which also reads expressions, find wrong. */
function findErrors(file: string, content: string): string[] {
  const { errors } = isAction(file) ? validateAction(content) : validateWorkflow(content);
  const parseFile = isAction(file) ? parseAction : parseWorkflow;
  const { context } = parseFile({ name: file, content }, new NoOperationTraceWriter());
  return [...errors.map((error) => JSON.stringify(error)), ...context.errors.getErrors().map(({ message }) => message)];
}

interface Step {
  id?: string;
  if?: string;
  run?: string;
  uses?: string;
  with?: Record<string, string>;
}

const stepsOf = (file: string): Step[] => {
  const document = parse(textOf(file));
  return isAction(file)
    ? document.runs.steps
    : Object.values<{ steps: Step[] }>(document.jobs).flatMap(({ steps }) => steps);
};

describe.each(FILES)('%s', (file) => {
  test('is what GitHub accepts', () => {
    expect(findErrors(file, textOf(file))).toEqual([]);
  });

  test('no script contains an expression: GitHub would insert the text of a user into it', () => {
    for (const { run = '' } of stepsOf(file)) expect(run).not.toContain('${{');
  });

  test('expressions name steps and inputs that exist', () => {
    const ids = stepsOf(file).flatMap(({ id }) => id ?? []);
    const inputs = Object.keys(parse(textOf(file)).inputs ?? {});
    for (const [, id] of textOf(file).matchAll(/\bsteps\.([\w-]+)/g)) expect(ids).toContain(id);
    for (const [, name] of textOf(file).matchAll(/\binputs\.([\w-]+)/g)) expect(inputs).toContain(name);
  });

  test('actions have the versions of the other workflows', async () => {
    const others = `${await read('.github/workflows/ci.yml')}${await read('docs/examples/build.yml')}${textOf(ACTION)}`;
    const versionsOf = (text: string) => text.matchAll(/uses: (actions\/[\w/-]+)@(v\d+)$/gm);
    const versions = new Map([...versionsOf(others)].map(([, name, version]) => [name, version]));
    for (const [, name, version] of versionsOf(textOf(file))) expect(versions.get(name) ?? version).toBe(version);
  });
});

test.each([
  [ACTION, 'using: composite', 'using: compost'],
  [ACTION, 'shell: bash', 'shel: bash'],
  [ACTION, 'github.ref_name }}', 'github.ref_name }'],
  [ACTION, '${{ runner.temp }}', '${{ runer.temp }}'],
  [ACTION, '!cancelled() &&', '!canceled() &&'],
  [COMMENT, '${{ github.token }}', '${{ secrets.GITHUB_TOKEN }}'],
  [COMMENT, 'uses: actions/download-artifact@v8', 'use: actions/download-artifact@v8'],
  [SIZE, 'runs-on:', 'run-on:'],
  [SIZE, 'contents: read', 'contents: reed'],
  [SIZE, '  pull_request:\n', '  pull_requests:\n'],
  [SIZE_COMMENT, 'types: [completed]', 'types: [complete]'],
  [SIZE_COMMENT, 'pull-requests: write', 'pull-request: write'],
])('the check of %s finds that "%s" became "%s"', (file, right, wrong) => {
  const broken = textOf(file).replace(right, wrong);
  expect(broken).not.toBe(textOf(file));
  expect(findErrors(file, broken)).not.toEqual([]);
});

test('the workflow that measures writes nothing, and the one that comments only comments', () => {
  const size = parse(textOf(SIZE));
  expect(size.permissions).toEqual({});
  expect(size.jobs.size.permissions).toEqual({ contents: 'read' });
  expect(size.on).toEqual({ push: { branches: ['main'] }, pull_request: null });

  const comment = parse(textOf(SIZE_COMMENT));
  expect(comment.permissions).toEqual({});
  expect(comment.jobs.comment.permissions).toEqual({ actions: 'read', 'pull-requests': 'write' });
  expect(comment.on).toEqual({ workflow_run: { workflows: [size.name], types: ['completed'] } });
  // It runs nothing of a fork.
  expect(textOf(SIZE_COMMENT) + textOf(COMMENT)).not.toContain('checkout');
});

test('only a push to a branch writes the baseline', () => {
  const saves = stepsOf(ACTION).filter(({ uses }) => uses?.startsWith('actions/cache/save@'));
  expect(saves).toHaveLength(1);
  expect(saves[0]?.if).toMatch(/ && github\.event_name == 'push' && github\.ref_type == 'branch'\s&& /);
});

test('the lines for code scanning are right as well, without the #', () => {
  const workflow = textOf(SIZE).replaceAll(/^( {6})# ((?:- if: .*upload-sarif|- if:| {2}).*)$/gm, '$1$2');
  expect(parse(workflow).jobs.size.steps.at(-1)).toEqual({
    if: '${{ !cancelled() && steps.size.outputs.sarif }}',
    uses: 'github/codeql-action/upload-sarif@v4',
    with: { sarif_file: '${{ steps.size.outputs.sarif }}' },
  });
  expect(findErrors(SIZE, workflow)).toEqual([]);
  expect(Object.keys(parse(textOf(ACTION)).outputs)).toContain('sarif');
});

test('the workflow passes inputs that the action has', () => {
  const inputs = Object.keys(parse(textOf(ACTION)).inputs);
  const [step] = stepsOf(SIZE).filter(({ uses }) => uses?.startsWith('OWNER/'));
  expect(inputs).toEqual(['directories', 'options', 'name']);
  for (const name of Object.keys(step?.with ?? {})) expect(inputs).toContain(name);
  expect(parse(textOf(COMMENT)).inputs.name.default).toBe(parse(textOf(ACTION)).inputs.name.default);
});
