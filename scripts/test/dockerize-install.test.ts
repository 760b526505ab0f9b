import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { findInstallNeeds } from '../project/install-needs.ts';
import { readLockfile } from '../project/lockfile.ts';
import { commandsOf } from '../project/manager-commands.ts';
import { chooseNodeVersion } from '../project/node-version.ts';
import { findPackageManager } from '../project/package-manager.ts';
import { type Manifest, type Project, readManifest, readProject } from '../project/read-project.ts';
import { cpuTimeOf } from './cpu-time.ts';
import { projectOf } from './dockerize-project.ts';

/** The packages of a project's lockfile; `members` are the directories of the workspace that count, without the root. */
const readPackages = (project: Project, members: string[] = []) => {
  const { name, lockfile } = findPackageManager(project).value;
  const manifests = manifestsOf(project, members);
  return readLockfile(project.read(lockfile) ?? '', name, { app: project.app, manifests });
};
const manifestsOf = (project: Project, members: string[]) =>
  new Map(['', ...members].map((path) => [path, readManifest(project, path) as Manifest]));
const npmLock = (packages: Record<string, unknown> = {}) => ({ lockfileVersion: 3, packages: { '': {}, ...packages } });
const yarn1 = '# yarn lockfile v1\n\n\nms@^2.1.0:\n  version "2.1.3"\n';
const berry = (version: number) => `__metadata:\n  version: ${version}\n\n"ms@npm:^2.1.0":\n  version: 2.1.3\n`;
const linked = { '.yarnrc.yml': 'nodeLinker: node-modules\n' };

describe('findPackageManager', () => {
  it.each([
    ['npm', { 'package-lock.json': npmLock() }, 'npm', null, 'package-lock.json'],
    [
      'npm-shrinkwrap',
      { 'npm-shrinkwrap.json': npmLock(), 'package-lock.json': npmLock() },
      'npm',
      null,
      'npm-shrinkwrap.json',
    ],
    ['pnpm 7', { 'pnpm-lock.yaml': 'lockfileVersion: 5.4\n' }, 'pnpm', '7.33.7', 'format 5.4 of the lockfile'],
    ['pnpm 8', { 'pnpm-lock.yaml': "lockfileVersion: '6.0'\n" }, 'pnpm', '8.15.9', 'format 6.0 of the lockfile'],
    ['pnpm 10', { 'pnpm-lock.yaml': "lockfileVersion: '9.0'\n" }, 'pnpm', '10.34.8', 'format 9.0 of the lockfile'],
    ['Yarn 1', { 'yarn.lock': yarn1 }, 'yarn', '1.22.22', 'format 1 of the lockfile'],
    ['Yarn 3', { 'yarn.lock': berry(6), ...linked }, 'yarn-berry', '3.8.7', 'format 6 of the lockfile'],
    ['Yarn 4.0 to 4.13', { 'yarn.lock': berry(8), ...linked }, 'yarn-berry', '4.13.0', 'format 8 of the lockfile'],
    ['Yarn 4', { 'yarn.lock': berry(10), ...linked }, 'yarn-berry', '4.18.1', 'format 10 of the lockfile'],
  ])('reads %s', (_, files, name, version, source) => {
    const found = findPackageManager(projectOf(files));
    expect(found.value).toMatchObject({ name, version });
    expect(found.source).toBe(source);
  });

  const nine = { 'pnpm-lock.yaml': "lockfileVersion: '9.0'\n" };
  it.each([
    [
      'packageManager with a hash',
      { packageManager: 'pnpm@10.14.0+sha512.ab12' },
      '10.14.0',
      'packageManager in package.json',
    ],
    [
      'devEngines',
      { devEngines: { packageManager: { name: 'pnpm', version: '9.4.0' } } },
      '9.4.0',
      'devEngines in package.json',
    ],
    [
      'devEngines as a list with a range',
      { devEngines: { packageManager: [{ name: 'pnpm', version: '^9' }] } },
      '9.15.9',
      'devEngines in package.json',
    ],
    ['engines', { engines: { pnpm: '>=9 <10' } }, '9.15.9', 'engines in package.json'],
    ['engines with a version', { engines: { pnpm: 'v9.4.0' } }, '9.4.0', 'engines in package.json'],
    ['the lockfile, which engines allows', { engines: { pnpm: '>=9' } }, '10.34.8', 'format 9.0 of the lockfile'],
    ['what is not a version', { packageManager: 'pnpm@9;curl x' }, '10.34.8', 'format 9.0 of the lockfile'],
    ['engines that nothing known fits', { engines: { pnpm: '>=11.2.0' } }, '11.2.0', 'engines in package.json'],
    ['packageManager of another lockfile', { packageManager: 'yarn@1.22.19' }, '10.34.8', 'format 9.0 of the lockfile'],
  ])('takes the version of pnpm from %s', (_, manifest, version, source) => {
    const found = findPackageManager(projectOf({ 'package.json': manifest, ...nine }));
    expect([found.value.version, found.source]).toEqual([version, source]);
  });

  it('does not run Yarn 1 for the lockfile of Yarn 4', () => {
    const manifest = { packageManager: 'yarn@1.22.22', engines: { yarn: '1.x' } };
    const found = findPackageManager(projectOf({ 'package.json': manifest, 'yarn.lock': berry(8), ...linked }));
    expect(found.value.version).toBe('4.13.0');
  });

  it.each([
    ['node-modules', linked, 'npx --yes @yarnpkg/cli-dist@4.13.0 install --immutable'],
    ['none', {}, 'YARN_NODE_LINKER=node-modules npx --yes @yarnpkg/cli-dist@4.13.0 install --immutable'],
  ])('installs node_modules with Yarn, whose linker is %s', (_, files, install) => {
    const manager = findPackageManager(projectOf({ 'yarn.lock': berry(8), ...files })).value;
    expect(commandsOf(manager, { isIgnoring: false, keeps: false, added: [] }).install).toBe(install);
  });

  it('installs what production needs with Yarn 4, because Yarn 3 cannot', () => {
    const manager = findPackageManager(projectOf({ 'yarn.lock': berry(6), ...linked })).value;
    const { install, production } = commandsOf(manager, { isIgnoring: false, keeps: false, added: [] });
    expect(install).toBe('npx --yes @yarnpkg/cli-dist@3.8.7 install --immutable');
    expect(production).toMatch(/^YARN_IGNORE_PATH=1 npx --yes @yarnpkg\/cli-dist@4\S+ workspaces focus/);
  });

  it('takes the version of Yarn from yarnPath', () => {
    const settings = 'nodeLinker: node-modules\nyarnPath: .yarn/releases/yarn-4.3.1.cjs\n';
    const found = findPackageManager(projectOf({ 'yarn.lock': berry(8), '.yarnrc.yml': settings }));
    expect([found.value.version, found.source]).toEqual(['4.3.1', 'yarnPath in .yarnrc.yml']);
  });

  it.each([
    ['packageManager', { packageManager: 'pnpm@9.1.0' }],
    ['preinstall', { scripts: { preinstall: 'npx only-allow pnpm' } }],
  ])('decides between two lockfiles by %s', (_, manifest) => {
    const files = { 'package.json': manifest, ...nine, 'package-lock.json': npmLock() };
    expect(findPackageManager(projectOf(files)).value.name).toBe('pnpm');
  });

  it.each([
    [
      'no lockfile',
      { 'package.json': { dependencies: { a: '1' } } },
      /no lockfile in \/project/,
      /"npm install --package-lock-only --package-lock"/,
    ],
    [
      'no lockfile of pnpm',
      { 'package.json': { packageManager: 'pnpm@9.1.0', devDependencies: { a: '1' } } },
      /no lockfile/,
      /"pnpm install --lockfile-only"/,
    ],
    ['two lockfiles', { ...nine, 'yarn.lock': yarn1 }, /pnpm-lock.yaml, yarn.lock/, /packageManager/],
    ['Bun', { 'bun.lock': '{}' }, /Bun is not supported yet \(bun.lock\)/, /package-lock-only/],
  ])('says what to do: %s', (_, files, message, hint) => {
    const failure = (() => {
      try {
        findPackageManager(projectOf(files));
      } catch (error) {
        return error;
      }
    })();
    expect(failure).toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message),
      hint: expect.stringMatching(hint),
    });
  });
});

/** app → lib → native-lib (optional) and, in development, tool. */
const pnpm9 = `lockfileVersion: '9.0'
importers:
  .:
    dependencies: { lib: { specifier: ^1, version: 1.0.0(peer@1.0.0) } }
    optionalDependencies: { maybe: { specifier: ^1, version: 1.0.0 } }
    devDependencies: { tool: { specifier: ^1, version: 2.0.0 } }
packages:
  lib@1.0.0: { resolution: {}, engines: { node: '>=18' } }
  maybe@1.0.0: { resolution: {}, libc: [glibc] }
  '@scope/deep@3.0.0': { resolution: {} }
  tool@2.0.0: { resolution: {} }
snapshots:
  lib@1.0.0(peer@1.0.0): { dependencies: { alias: '@scope/deep@3.0.0' } }
  maybe@1.0.0: { optional: true }
  '@scope/deep@3.0.0': {}
  tool@2.0.0: {}
`;
const pnpm6 = `lockfileVersion: '6.0'
dependencies: { lib: { specifier: ^1, version: 1.0.0(peer@1.0.0) } }
optionalDependencies: { maybe: { specifier: ^1, version: 1.0.0 } }
devDependencies: { tool: { specifier: ^1, version: 2.0.0 } }
packages:
  /lib@1.0.0(peer@1.0.0): { dependencies: { alias: /@scope/deep@3.0.0 }, engines: { node: '>=18' } }
  /maybe@1.0.0: { libc: [glibc] }
  /@scope/deep@3.0.0: { requiresBuild: true }
  /tool@2.0.0: { dev: true }
`;
const pnpm5 = `lockfileVersion: 5.4
specifiers: { lib: ^1 }
dependencies: { lib: 1.0.0_peer@1.0.0 }
optionalDependencies: { maybe: 1.0.0 }
devDependencies: { tool: 2.0.0 }
packages:
  /lib/1.0.0_peer@1.0.0: { dependencies: { alias: /@scope/deep/3.0.0 }, engines: { node: '>=18' } }
  /maybe/1.0.0: { libc: [glibc] }
  /@scope/deep/3.0.0: { requiresBuild: true }
  /tool/2.0.0: { dev: true }
`;
const berryLock = `__metadata:
  version: 8
"app@workspace:.":
  version: 0.0.0-use.local
  dependencies: { lib: "npm:^1", tool: "npm:^2" }
"lib@npm:^1, lib@npm:^1.0.0":
  version: 1.0.0
  dependencies: { "@scope/deep": ^3 }
"maybe@npm:^1":
  version: 1.0.0
  conditions: os=linux & cpu=x64 & libc=glibc
"@scope/deep@npm:^3":
  version: 3.0.0
"tool@npm:^2":
  version: 2.0.0
`;
const yarn1Lock = `# yarn lockfile v1


"@scope/deep@^3":
  version "3.0.0"

lib@^1, lib@^1.0.0:
  version "1.0.0"
  dependencies:
    "@scope/deep" "^3"

maybe@^1:
  version "1.0.0"

tool@^2:
  version "2.0.0"
`;
const npm1 = {
  lockfileVersion: 1,
  dependencies: {
    lib: { version: '1.0.0', requires: { '@scope/deep': '^3' }, dependencies: { '@scope/deep': { version: '3.0.0' } } },
    maybe: { version: '1.0.0', optional: true },
    tool: { version: '2.0.0', dev: true },
  },
};
const npm3 = npmLock({
  'node_modules/lib': { version: '1.0.0', dependencies: { '@scope/deep': '^3' } },
  'node_modules/lib/node_modules/@scope/deep': { version: '3.0.0', hasInstallScript: true },
  'node_modules/maybe': { version: '1.0.0', optional: true, libc: ['glibc'] },
  'node_modules/tool': { version: '2.0.0', dev: true },
  'node_modules/member': { resolved: 'packages/member', link: true },
  'packages/member': { version: '1.0.0' },
});

describe('readLockfile', () => {
  it.each([
    ['npm 1', 'package-lock.json', npm1],
    ['npm 3', 'package-lock.json', npm3],
    ['pnpm 5', 'pnpm-lock.yaml', pnpm5],
    ['pnpm 6', 'pnpm-lock.yaml', pnpm6],
    ['pnpm 9', 'pnpm-lock.yaml', pnpm9],
    [
      'pnpm 11, with a document of its own in front',
      'pnpm-lock.yaml',
      `---\nlockfileVersion: '9.0'\nimporters: {}\n---\n${pnpm9}`,
    ],
    ['Yarn 1', 'yarn.lock', yarn1Lock],
    ['Yarn berry', 'yarn.lock', berryLock],
  ])('finds the production tree: %s', (_, file, lock) => {
    const manifest = {
      name: 'app',
      dependencies: { lib: '^1' },
      devDependencies: { tool: '^2' },
      optionalDependencies: { maybe: '^1' },
    };
    const project = projectOf({ 'package.json': manifest, ...linked, [file]: lock });
    const packages = readPackages(project);
    const text = packages.map((one) => {
      const libc = one.libc.length > 0 || !one.isOptional ? '' : ' without libc';
      return `${one.name}@${one.version}${one.isProduction ? '' : ' dev'}${one.isProduction && one.isOptional ? ' optional' : ''}${one.isProduction ? libc : ''}`;
    });
    const libc = ['npm 1', 'Yarn 1'].includes(_) ? ' without libc' : '';
    expect(text.sort()).toEqual(['@scope/deep@3.0.0', 'lib@1.0.0', `maybe@1.0.0 optional${libc}`, 'tool@2.0.0 dev']);
    const hasScript = packages.find(({ name }) => name === '@scope/deep')?.hasInstallScript;
    expect(hasScript).toBe(['npm 3', 'pnpm 5', 'pnpm 6'].includes(_) ? true : null);
  });

  it.each(['{', '[]', 'null', '{"lockfileVersion": 3, "packages": 7}', '{"packages": {"node_modules/a": null}}'])(
    'survives a broken lockfile: %s',
    (text) => {
      for (const name of ['npm', 'pnpm', 'yarn', 'yarn-berry'] as const) {
        expect(Array.isArray(readLockfile(text, name, { app: '', manifests: new Map() }))).toBe(true);
      }
    },
  );

  it('does not parse YAML that is nested without end', () => {
    const project = projectOf({ 'pnpm-lock.yaml': `lockfileVersion: '9.0'\npackages: ${'['.repeat(1_000_000)}` });
    expect(cpuTimeOf(() => expect(readPackages(project)).toEqual([]))).toBeLessThan(3000);
  });

  it('takes the production tree of the app in a workspace, with the packages of the workspace that it needs', () => {
    const files = {
      'package.json': { workspaces: ['apps/*', 'packages/*'] },
      'apps/api/package.json': { name: 'api', dependencies: { shared: '*', a: '^1' } },
      'apps/web/package.json': { name: 'web', dependencies: { b: '^1' } },
      'packages/shared/package.json': { name: 'shared', dependencies: { c: '^1' } },
      'yarn.lock': ['a', 'b', 'c'].map((name) => `${name}@^1:\n  version "1.0.0"\n`).join('\n'),
    };
    const packages = readPackages(projectOf(files, 'apps/api'), ['packages/shared', 'apps/api']);
    expect(packages.filter(({ isProduction }) => isProduction).map(({ name }) => name)).toEqual(['a', 'c']);
  });
});

describe('chooseNodeVersion', () => {
  const engines = (node: string) => ({ 'package.json': { engines: { node } } });
  it.each([
    ['nothing', {}, 26, 0],
    ['FROM with a tag', { Dockerfile: 'FROM node:22-alpine AS base\nFROM base\n' }, 22, 0],
    [
      'FROM with a default of ARG',
      { Dockerfile: 'ARG NODE_VERSION=24.1\nFROM docker.io/library/node:${NODE_VERSION}-slim\n' },
      24,
      0,
    ],
    [
      'FROM with a platform and a digest',
      { Dockerfile: 'FROM --platform=$BUILDPLATFORM node:22.12@sha256:ab as x' },
      22,
      0,
    ],
    ['FROM of distroless', { Dockerfile: 'FROM node:24 AS b\nFROM gcr.io/distroless/nodejs22-debian12\n' }, 22, 0],
    ['FROM without a version', { Dockerfile: 'FROM node:lts-alpine\n' }, 26, 0],
    ['FROM of nginx', { Dockerfile: 'FROM nginx:1.27\n' }, 26, 0],
    ['a code name', { '.nvmrc': 'lts/jod\n' }, 22, 0],
    ['another code name', { '.nvmrc': 'lts/krypton\n' }, 24, 0],
    ['lts/*', { '.nvmrc': '# newest\nlts/*\n' }, 26, 0],
    ['an old code name', { '.nvmrc': 'lts/iron\n' }, 22, 1],
    ['.node-version', { '.node-version': 'v24.3.0' }, 24, 0],
    ['.tool-versions', { '.tool-versions': 'pnpm 9.1.0\nnodejs 22.1.0\n' }, 22, 0],
    ['volta', { 'package.json': { volta: { node: '22.1.0' } } }, 22, 0],
    ['devEngines', { 'package.json': { devEngines: { runtime: [{ name: 'node', version: '^24.0.0' }] } } }, 24, 0],
    ['an open range', engines('>=18'), 26, 0],
    ['a closed range', engines('>=18 <25'), 24, 0],
    ['versions', engines('18.x || 22.x'), 22, 0],
    ['caret or more', engines('^20.19.0 || >=22.12.0'), 26, 0],
    ['an old range', engines('>=18 <21'), 22, 1],
    ['an old pin', { '.nvmrc': '16', ...engines('>=14') }, 22, 1],
    ['a version that is not LTS', { '.nvmrc': '23.11.1' }, 24, 1],
    ['a version of the future', engines('>99'), 26, 1],
    ['two that disagree', { '.nvmrc': '22', ...engines('>=24') }, 22, 1],
    ['what is not a version', { '.nvmrc': 'some_version' }, 26, 1],
  ])('reads %s', (_, files, major, notes) => {
    const choice = chooseNodeVersion(projectOf(files), undefined);
    expect([choice.major, choice.notes.length]).toEqual([major, notes]);
  });

  it('says where it read what, and what disagrees', () => {
    const choice = chooseNodeVersion(projectOf({ '.nvmrc': 'v22.1.0', ...engines('>=24') }), undefined);
    expect(choice.facts).toEqual([
      { value: 'v22.1.0', source: '.nvmrc' },
      { value: '>=24', source: 'engines in package.json' },
    ]);
    expect(choice.notes).toEqual([
      'engines in package.json says >=24, but the image uses Node 22: no supported LTS version (26, 24, 22) fits all. Choose another version with --node.',
    ]);
  });

  it('takes --node whatever the project says', () => {
    expect(chooseNodeVersion(projectOf({ '.nvmrc': '22' }), 20)).toMatchObject({
      major: 20,
      notes: [expect.stringMatching(/22/), expect.stringContaining('receives no more fixes')],
    });
  });

  it('minds the versions that a native addon accepts', () => {
    const lock = npmLock({
      'node_modules/x': {
        version: '1.0.0',
        hasInstallScript: true,
        dependencies: { nan: '^2.24.0' },
        engines: { node: '22.x || 24.x' },
      },
    });
    const project = projectOf({ 'package-lock.json': lock });
    const packages = readPackages(project);
    expect(chooseNodeVersion(project, undefined, packages).major).toBe(24);
  });

  it('is not newer than an old Next builds with', () => {
    const lock = npmLock({ 'node_modules/next': { version: '12.2.5' } });
    const project = projectOf({ 'package-lock.json': lock });
    expect(chooseNodeVersion(project, undefined, readPackages(project)).major).toBe(24);
  });

  it('minds packages that a newer Node does not run', () => {
    const lock = npmLock({ 'node_modules/buffer-equal-constant-time': { version: '1.0.1' } });
    const project = projectOf({ 'package-lock.json': lock });
    const packages = readPackages(project);
    expect(chooseNodeVersion(project, undefined, packages)).toMatchObject({
      major: 24,
      facts: [{ value: '<25', source: 'buffer-equal-constant-time 1.0.1 in the lockfile' }],
    });
  });
});

describe('findInstallNeeds', () => {
  const needsOf = (files: Record<string, unknown>, members: string[] = []) => {
    const project = projectOf('pnpm-lock.yaml' in files ? files : { 'package-lock.json': npmLock(), ...files });
    const { value } = findPackageManager(project);
    return findInstallNeeds(project, value, readPackages(project), manifestsOf(project, members));
  };
  const scripts = (own: Record<string, string>, more = {}) => ({ 'package.json': { scripts: own, ...more } });
  const native = {
    'package-lock.json': npmLock({
      'node_modules/sqlite3': { version: '5.1.7', hasInstallScript: true, dependencies: { bindings: '^1' } },
    }),
  };

  it.each([
    ['husky', scripts({ prepare: 'husky' }), 'ignore', []],
    ['husky install', scripts({ prepare: 'is-ci || husky install' }), 'ignore', []],
    ['husky by node', scripts({ prepare: 'node .husky/install.mjs' }), 'ignore', []],
    ['a build', scripts({ prepare: 'npm run build', build: 'node make.js' }), 'ignore', []],
    ['a compiler', scripts({ prepare: 'yarn compile', compile: 'tsc -p .' }), 'ignore', []],
    ['nuxt prepare', scripts({ postinstall: 'nuxt prepare' }), 'ignore', []],
    ['only-allow', scripts({ preinstall: 'npx only-allow pnpm' }), 'ignore', []],
    [
      'patch-package',
      { ...scripts({ postinstall: 'patch-package' }), 'patches/a+1.0.0.patch': '' },
      'prune',
      ['patches'],
    ],
    [
      'patch-package elsewhere',
      { ...scripts({ postinstall: 'patch-package --patch-dir=./fixes' }), 'fixes/a.patch': '' },
      'prune',
      ['fixes'],
    ],
    [
      'patch-package after husky',
      { ...scripts({ postinstall: 'husky && npm run patch', patch: 'patch-package' }), 'patches/a.patch': '' },
      'prune',
      ['patches'],
    ],
    [
      'an own script',
      { ...scripts({ postinstall: 'node scripts/x.js' }), 'scripts/x.js': '' },
      'prune',
      ['scripts/x.js'],
    ],
    ['a path that leaves the project', scripts({ postinstall: 'node ../../etc/x.js' }), 'prune', []],
    ['a compiled package', native, 'run', []],
    ['a compiled package, and husky', { ...native, ...scripts({ prepare: 'husky' }) }, 'prune', []],
    ['settings', { '.npmrc': 'legacy-peer-deps=true\nengine-strict=true\n' }, 'ignore', ['.npmrc']],
    [
      'a dependency in a file',
      { 'package.json': { dependencies: { a: 'file:./vendor/a.tgz' } }, 'vendor/a.tgz': '' },
      'ignore',
      ['vendor/a.tgz'],
    ],
    [
      'patches of pnpm',
      {
        'package.json': { pnpm: { patchedDependencies: { 'a@1.0.0': 'patches/a.patch' } } },
        'patches/a.patch': '',
        'pnpm-lock.yaml': pnpm9,
      },
      'ignore',
      ['patches'],
    ],
  ])('%s', (_, files, expected, inputs) => {
    const needs = needsOf(files);
    expect([needs.scripts, needs.inputs]).toEqual([expected, inputs]);
  });

  it.each([
    ['a token', '//registry.npmjs.org/:_authToken=npm_abc', '_authToken in .npmrc:2'],
    ['a variable', '//registry.npmjs.org/:_authToken=${NPM_TOKEN}', '_authToken in .npmrc:2'],
    ['a variable elsewhere', 'registry=https://${HOST}/', '${HOST} in .npmrc:2'],
    ['a password', '//x/:_password="YWJj"', '_password in .npmrc:2'],
    ['a comment', '; _authToken=abc', null],
    ['a setting', 'always-auth=true', null],
  ])('.npmrc with %s', (_, line, source) => {
    const needs = needsOf({ '.npmrc': `save-exact=true\n${line}\n` });
    expect(needs.secretFile?.source ?? null).toBe(source);
    expect(needs.inputs).toEqual(source === null ? ['.npmrc'] : []);
    expect(JSON.stringify(needs)).not.toMatch(/npm_abc|YWJj/);
  });

  const addon = (name: string, more: Record<string, unknown>, others = {}) => ({
    'package-lock.json': npmLock({ [`node_modules/${name}`]: { version: '1.0.0', ...more }, ...others }),
  });
  const platform = (libc?: string) => ({
    version: '1.0.0',
    optional: true,
    os: ['linux'],
    ...(libc && { libc: [libc] }),
  });
  const sharp = {
    hasInstallScript: true,
    optionalDependencies: { '@img/sharp-linux-x64': '1', '@img/sharp-linuxmusl-x64': '1' },
  };
  it.each([
    ['compiled', addon('a', { hasInstallScript: true, dependencies: { nan: '^2' } }), ['a'], null],
    [
      'compiled in development',
      addon('a', { hasInstallScript: true, dev: true, dependencies: { nan: '^2' } }),
      null,
      null,
    ],
    [
      'compiled if possible',
      addon('a', { hasInstallScript: true, optional: true, dependencies: { nan: '^2' } }),
      null,
      null,
    ],
    ['without a script', addon('a', { dependencies: { nan: '^2' } }), null, null],
    ['with a script that prints', addon('core-js', { hasInstallScript: true }), null, null],
    ['for both C libraries, by name', addon('sharp', sharp), null, null],
    ['for glibc, by name', addon('a', { optionalDependencies: { 'a-linux-x64-gnu': '1' } }), null, ['a']],
    [
      'for glibc, by the lockfile',
      addon('a', { optionalDependencies: { 'a-linux-x64': '1' } }, { 'node_modules/a-linux-x64': platform('glibc') }),
      null,
      ['a'],
    ],
    [
      'for any',
      addon('a', { optionalDependencies: { 'a-linux-x64': '1' } }, { 'node_modules/a-linux-x64': platform() }),
      null,
      null,
    ],
    ['for glibc, as is known', addon('onnxruntime-node', { hasInstallScript: true }), null, ['onnxruntime-node']],
    [
      'not allowed',
      {
        ...addon('a', { hasInstallScript: true, dependencies: { nan: '^2' } }),
        'package.json': { allowScripts: { a: false } },
      },
      null,
      null,
    ],
  ])('a native addon %s', (_, files, compiled, glibcOnly) => {
    const needs = needsOf(files);
    expect([needs.compiled?.value ?? null, needs.glibcOnly?.value ?? null]).toEqual([compiled, glibcOnly]);
  });

  const pnpmNative = `lockfileVersion: '9.0'
importers: { .: { dependencies: { a: { specifier: ^1, version: 1.0.0 } } } }
packages: { a@1.0.0: {} }
snapshots: { a@1.0.0: { dependencies: { nan: 2.0.0 } } }
`;
  it.each([
    ['pnpm 10 without a list', {}, null],
    ['pnpm 10 with a list', { 'pnpm-workspace.yaml': 'onlyBuiltDependencies: [a]\n' }, ['a']],
    ['pnpm 10 with allowBuilds', { 'pnpm-workspace.yaml': 'allowBuilds: { a: true }\n' }, ['a']],
    ['pnpm 10 with a list in package.json', { 'package.json': { pnpm: { onlyBuiltDependencies: ['a'] } } }, ['a']],
    ['pnpm 9', { 'package.json': { packageManager: 'pnpm@9.15.9' } }, ['a']],
    [
      'pnpm 9 with another list',
      { 'package.json': { packageManager: 'pnpm@9.15.9', pnpm: { onlyBuiltDependencies: ['b'] } } },
      null,
    ],
  ])('scripts that are allowed: %s', (_, files, compiled) => {
    expect(needsOf({ 'pnpm-lock.yaml': pnpmNative, ...files }).compiled?.value ?? null).toEqual(compiled);
  });

  const client = {
    'package-lock.json': npmLock({ 'node_modules/@prisma/client': { version: '5.0.0', hasInstallScript: true } }),
  };
  it.each([
    ['into node_modules', 'provider = "prisma-client-js"', 'prune', ['prisma/schema.prisma']],
    ['into the source', 'provider = "prisma-client-js"\n  output = "../src/generated"', 'run', []],
    [
      'into node_modules by name',
      'provider = "prisma-client-js"\n  output = "../node_modules/.prisma/client"',
      'prune',
      ['prisma/schema.prisma'],
    ],
  ])('Prisma generates %s', (_, generator, expected, inputs) => {
    const needs = needsOf({ ...client, 'prisma/schema.prisma': `generator client {\n  ${generator}\n}\n` });
    expect([needs.scripts, needs.inputs]).toEqual([expected, inputs]);
  });

  it('does not follow a path without end', () => {
    const files = { 'package.json': { dependencies: { a: `file:${'../'.repeat(500_000)}` } } };
    expect(cpuTimeOf(() => expect(needsOf(files).inputs).toEqual([]))).toBeLessThan(3000);
  });

  it('comes to an end with scripts that call themselves', () => {
    const names = Array.from({ length: 50 }, (_, index) => `s${index}`);
    const all = Object.fromEntries(names.map((name) => [name, `run-s ${names.join(' ')}`]));
    expect(needsOf(scripts({ postinstall: 'run-s s1 s2', ...all })).scripts).toBe('ignore');
  });

  it('names the own scripts, those of the app included', () => {
    const files = {
      'package.json': { workspaces: ['apps/*'], scripts: { prepare: 'husky' } },
      'apps/api/package.json': { name: 'api', scripts: { postinstall: 'node x.js', start: 'node .' } },
      'apps/api/x.js': '',
    };
    const needs = needsOf(files, ['apps/api']);
    expect(needs.ownScripts?.value).toEqual(['apps/api: postinstall', 'prepare']);
    expect(needs.inputs).toEqual(['apps/api/x.js']);
  });
});

describe('the projects of the tests', () => {
  const directory = join(import.meta.dirname, 'projects');
  it.each([
    ['commonjs', 'ignore', [], null],
    ['native-addon', 'run', [], ['cpu-features']],
    ['native-prebuilt', 'ignore', [], null],
    ['patches', 'prune', ['patches'], null],
    ['prepare-and-npmrc', 'ignore', ['.npmrc'], null],
    ['pnpm', 'ignore', [], null],
    ['yarn', 'ignore', [], null],
    ['yarn-4', 'ignore', ['.yarnrc.yml'], null],
  ])('%s', (name, scripts, inputs, compiled) => {
    const project = readProject(join(directory, name));
    const { value } = findPackageManager(project);
    const packages = readPackages(project);
    const production = new Set(packages.filter(({ isProduction }) => isProduction).map((one) => one.name));
    expect(production.has('express') && !production.has('esbuild') && !production.has('typescript')).toBe(true);
    const needs = findInstallNeeds(project, value, packages, manifestsOf(project, []));
    expect([needs.scripts, needs.inputs, needs.compiled?.value ?? null]).toEqual([scripts, inputs, compiled]);
    expect(readFileSync(join(directory, name, value.lockfile), 'utf8')).toContain('express');
  });
});
