import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { GOOD } from './row.ts';
import type { Row } from './trial.ts';

const PACKAGE = '{ "name": "x", "version": "1.0.0" }\n';
const COPIES_ALL = 'FROM scratch\nCOPY . /app/\nCMD ["x"]\n';

/** A project whose config names something that is not the project's. */
const outside = (what: string, config: object, files: Row['files'] = {}): Row => ({
  name: `a project's config names ${what}`,
  files: { Dockerfile: GOOD, 'compare.config.json': JSON.stringify(config), '../victim.txt': 'victim\n', ...files },
  code: 2,
  says: ['outside'],
});

/** --bench, which edits a copy of the project. Nothing but the copy may change. */
const bench = (name: string, files: Row['files'], others: Partial<Row> = {}): Row => ({
  name: `--bench with ${name}`,
  files: { Dockerfile: COPIES_ALL, '../victim.txt': 'victim\n', ...files },
  command: 'chmod -f +x *.sh; compare . --no-run --bench --runs 1',
  code: 0,
  within: 90,
  ...others,
});

/** The same with an `edit` that leads to a file beside the project: the copy may be anywhere. */
const editing = (name: string, toEdit: (directory: string) => string) =>
  bench(
    name,
    { 'index.js': '' },
    {
      prepare: ({ directory, project }) => {
        symlinkSync(directory, join(project, 'link'));
        const edit = toEdit(`${'../'.repeat(12)}${directory}`);
        writeFileSync(join(project, 'compare.config.json'), JSON.stringify({ edit }));
      },
      says: ['leads out'],
    },
  );

/** The project's file is a link to one beside the project. */
const linked = (name: string): Partial<Row> => ({
  prepare: ({ project }) => symlinkSync(join(project, '../victim.txt'), join(project, name)),
  says: ['leads out'],
});

/** Projects that try to read, write or run something on the user's machine. */
export const HARM: Row[] = [
  bench('a project that stays as it is', { 'index.js': '// x\n', 'package.json': PACKAGE }),
  editing('"edit" that leads out', (directory) => `${directory}/victim.txt`),
  editing('"edit" that begins with a slash and leads out', (directory) => `/${directory}/victim.txt`),
  editing('"edit" through a link that leads out', () => 'link/victim.txt'),
  bench('a source file that is a link that leads out', {}, linked('index.js')),
  bench('a package.json that is a link that leads out', { 'index.js': '' }, linked('package.json')),
  bench('an .npmrc that starts a program of the project', {
    'index.js': '',
    '.npmrc': 'git=./evil.sh\n',
    'evil.sh': '#!/bin/sh\necho harmed >"$TMPDIR/../victim.txt"\n',
    'package.json': '{ "name": "x", "version": "1.0.0", "dependencies": { "y": "git+ssh://git@127.0.0.1/y.git" } }\n',
  }),
  outside('/etc as context', { context: '/etc' }),
  outside('a file beside it as Dockerfile', { dockerfiles: ['../victim.txt'] }),
  outside('/etc/shadow as a secret', { secrets: ['id=x,src=/etc/shadow'] }),
  outside('a file beside it as environment file', { envFile: '../victim.txt' }),
  outside('a variable of the user as a secret', { secrets: ['id=x,env=HOME'] }),
  outside('a link that leads to /etc', { context: 'link' }, { link: { link: '/etc' } }),
  {
    ...outside('/etc as context, and the user types another', { context: '/etc' }),
    command: 'compare . --context .',
    code: 0,
    says: [],
  },
];
