import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { Version } from '@cyclonedx/cyclonedx-library/Spec';
import { JsonStrictValidator } from '@cyclonedx/cyclonedx-library/Validation';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dockerEnvironment } from '../../engine/docker.ts';
import { spawnInto, spawnStream, spawnText } from '../../lib/spawn.ts';
import { findAllSubjects } from './all-subjects.ts';
import { Bench, docker, engine, startProgram } from './test-engine.ts';

// The SBOM of an image, and what npm and dpkg themselves say of the same files. They read copies in a container of another
// image: nothing of a measured image runs on this machine.

const bench = new Bench();
const subjects = await findAllSubjects();
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'sbom-'));
});
afterAll(async () => {
  await rm(directory, { recursive: true });
  await bench.cleanUp();
});

interface Component {
  type: string;
  name: string;
  version?: string;
  purl?: string;
  cpe?: string;
  properties?: { name: string; value: string }[];
}

const property = ({ properties = [] }: Component, name: string) => properties.find((one) => one.name === name)?.value;
/** A package of npm's as both documents have it. */
const toLine = (one: Component) => `${one.purl} ${property(one, 'cdx:npm:package:development') ?? 'false'}`;
const sorted = (lines: Iterable<string>) => [...new Set(lines)].sort();

/** What `compare --image NAME --sbom` writes: its components. The document is valid. */
async function writeSbom(name: string): Promise<Component[]> {
  const { code, stdout, stderr } = await startProgram('compare', ['--image', name, '--sbom', '-']).ended;
  expect(stderr).not.toMatch(/\n\s+at /);
  expect(code).toBe(0);
  expect(await new JsonStrictValidator(Version.v1dot6).validate(stdout)).toBeNull();
  return JSON.parse(stdout).components;
}

/** What an image may have, below /copy of the container in which it is looked at. */
const PLACES = ['/app', '/usr/local/lib/node_modules', '/var/lib/dpkg'];

/**
 * Where an image has no development dependencies, npm must not know of them: it makes no SBOM where a dependency is missing.
 * The files of distroless have no status, without which dpkg lists nothing.
 */
const LOOK = `
set -e
cd /copy/app
[ "$1" = development ] || npm pkg delete devDependencies
npm sbom --sbom-format cyclonedx > /tmp/app.json
cd /copy
if [ -d node_modules/npm ]; then (cd node_modules/npm && npm query '*' > /tmp/npm.json); fi
if [ -d dpkg/status.d ]; then
  for file in $(ls -d dpkg/status.d/* | grep -v md5sums$); do
    sed '/^Status:/d; s/^Package: .*/Status: install ok installed\\n&/' "$file"; echo
  done > dpkg/status
fi
if [ -f dpkg/status ]; then
  dpkg-query --admindir dpkg --showformat '\${db:Status-Status} \${Package} \${Version} \${Architecture} \${source:Package} \${source:Version}\\n' --show |
    grep '^installed ' > /tmp/dpkg.txt
fi
cat > /tmp/print.cjs <<'END'
const { readFileSync, existsSync } = require('node:fs');
const read = (name) => (existsSync('/tmp/' + name) ? readFileSync('/tmp/' + name, 'utf8') : null);
console.log(JSON.stringify({ app: read('app.json'), npm: read('npm.json'), dpkg: read('dpkg.txt') }));
END
node /tmp/print.cjs
`;

/** What npm and dpkg list of an image's files. */
async function listIndependently(image: string, kind: 'development' | 'production') {
  const { command } = engine.info;
  const env = dockerEnvironment();
  const from = await docker('create', ...bench.labelArgs, image);
  const options = ['--network', 'none', '--workdir', '/copy', ...bench.labelArgs];
  const to = await docker('create', ...options, 'node:26-slim', 'sh', '-c', LOOK, 'sh', kind);
  try {
    for (const place of PLACES) {
      const copy = spawnStream(command, ['cp', `${from}:${place}`, '-'], { env });
      await spawnInto(copy, command, ['cp', '-', `${to}:/copy`], { env }).catch((error) => {
        if (!/No such container:path|Could not find the file/.test(String(error.lines))) throw error;
      });
    }
    const { app, npm, dpkg } = JSON.parse(await spawnText(command, ['start', '--attach', to], { env }));
    return {
      app: JSON.parse(app),
      npm: JSON.parse(npm ?? '[]'),
      dpkg: (dpkg ?? '').trim().split('\n').filter(Boolean),
    };
  } finally {
    await docker('rm', '--force', from, to);
  }
}

// Not an image on Alpine: its stand-in has no database of apk.
test.each([
  ['03-distroless single', 'development', '/usr/local/bin/node'],
  ['03-distroless lean', 'production', '/nodejs/bin/node'],
] as const)('%s: what npm, dpkg and Node itself list', async (name, kind, program) => {
  const subject = subjects.find(({ chapter, variant }) => `${chapter} ${variant}` === name);
  if (!subject) throw new Error(`There is no ${name}.`);
  const { id } = await bench.buildImage(subject.context, relative(subject.context, subject.dockerfile));
  const components = await writeSbom(id);
  const ofType = (type: string) => components.filter(({ purl }) => purl?.startsWith(`pkg:${type}/`));

  const [node, ...others] = ofType('generic');
  const printed = await docker('run', '--rm', ...bench.labelArgs, '--entrypoint', program, id, '--version');
  expect(others).toEqual([]);
  expect(node).toMatchObject({ name: 'node', version: printed.replace(/^v/, '') });
  expect(node?.cpe).toBe(`cpe:2.3:a:nodejs:node.js:${node?.version}:*:*:*:*:*:*:*`);

  const { app, npm, dpkg } = await listIndependently(id, kind);
  const ofApp = ofType('npm').filter((one) => property(one, 'cdx:npm:package:path')?.startsWith('app/node_modules/'));
  // npm lists a package once that is installed in several places.
  expect(sorted(ofApp.map(toLine))).toEqual(sorted(app.components.map(toLine)));
  expect(ofApp.length).toBeGreaterThan(60);
  expect(ofApp.map(({ name: packageName }) => packageName)).toContain('express');
  // npm's document is about the app, which it calls by its directory.
  expect(components.filter(({ type }) => type === 'application').map((one) => one.name)).toEqual([
    'node',
    subject.chapter,
  ]);

  const base = 'usr/local/lib/node_modules/npm';
  const ofNpm = ofType('npm').filter((one) => property(one, 'cdx:npm:package:path')?.startsWith(base));
  const at = (path: string | undefined, purl: string) => `${path?.replace(/\/$/, '')} ${purl}`;
  const expected = npm.map((one: Record<string, string>) =>
    at(`${base}/${one.location}`, `pkg:npm/${one.name?.replace('@', '%40')}@${one.version}`),
  );
  expect(sorted(ofNpm.map((one) => at(property(one, 'cdx:npm:package:path'), one.purl ?? '')))).toEqual(
    sorted(expected),
  );
  expect(ofNpm.length > 100).toBe(name !== '03-distroless lean');
  expect(ofApp.length + ofNpm.length).toBe(ofType('npm').length);

  const ofDpkg = dpkg.map((line: string) => {
    const [, packageName, version, architecture, source, sourceVersion] = line.split(' ');
    const upstream = sourceVersion === version ? source : `${source}@${sourceVersion}`;
    // Where the source package has the same name and version, a database need not list it, and most do not.
    const ends = upstream === packageName ? [] : [upstream];
    return [packageName, version, architecture, ...ends].join(' ');
  });
  expect(sorted(ofType('deb').map(toDpkgLine))).toEqual(sorted(ofDpkg));
  expect(ofType('deb').length).toBeGreaterThan(8);
});

/** A package as dpkg-query prints it, from its purl alone: nothing is lost in it. */
function toDpkgLine({ purl = '' }: Component): string {
  const { pathname, searchParams } = new URL(purl.replace(/^pkg:deb\/debian\//, 'http://x/'));
  const [name, version] = pathname.slice(1).split('@').map(decodeURIComponent);
  expect(searchParams.get('distro')).toBe('debian-13');
  const upstream = searchParams.get('upstream');
  return [name, version, searchParams.get('arch'), ...(upstream ? [upstream] : [])].join(' ');
}

test('an archive of an image has the same SBOM as the image at the engine', async () => {
  const archive = join(directory, 'image.tar');
  await docker('save', '--output', archive, 'gcr.io/distroless/nodejs26-debian13:nonroot');
  const [stored, atEngine] = [await writeSbom(archive), await writeSbom('gcr.io/distroless/nodejs26-debian13:nonroot')];
  expect(stored).toEqual(atEngine);
  expect(stored.length).toBeGreaterThan(10);
});
