import { expect, test } from 'vitest';
import {
  MAX_OS_PACKAGES,
  readApkInstalled,
  readDpkgStatus,
  readOsRelease,
} from '../compare/inspect/package-databases.ts';
import { layerOf } from './fixtures.ts';

const DPKG = `Package: bash
Essential: yes
Status: install ok installed
Architecture: amd64
Source: bash (5.2.37-2)
Version: 5.2.37-2+b10
Description: GNU Bourne Again SHell
 Package: not-a-field
 .
 Version: 0

Package: libc6
Status: hold ok installed
Source: glibc
Version: 2.41-12
Architecture: amd64

Package: gone
Status: deinstall ok config-files
Version: 1

Package: half
Status: install ok half-installed
Version: 1

Package: odd
Status: install ok installed
`;

test('the packages that dpkg has installed', () => {
  const deb = { format: 'deb', architecture: 'amd64' };
  const odd = { format: 'deb', name: 'odd', version: null, architecture: null, source: null, sourceVersion: null };
  expect(readDpkgStatus(DPKG, true)).toEqual([
    { ...deb, name: 'bash', version: '5.2.37-2+b10', source: 'bash', sourceVersion: '5.2.37-2' },
    { ...deb, name: 'libc6', version: '2.41-12', source: 'glibc', sourceVersion: null },
    odd,
  ]);
});

test('distroless has a file for each package, without a status and without an empty line at its end', () => {
  const text = 'Package: zlib1g\nSource: zlib\nVersion: 1:1.3.1-1\nArchitecture: amd64';
  expect(readDpkgStatus(text, false)).toEqual([
    { format: 'deb', name: 'zlib1g', version: '1:1.3.1-1', architecture: 'amd64', source: 'zlib', sourceVersion: null },
  ]);
  expect(readDpkgStatus(text, true)).toEqual([]);
});

test('the packages that apk has installed', () => {
  const text = `C:Q1abc=
P:musl
V:1.2.5-r10
A:x86_64
o:musl
F:lib
R:ld-musl-x86_64.so.1

P:libcrypto3
V:3.5.4-r0
A:x86_64
o:openssl

V:no-name
`;
  const apk = { format: 'apk', architecture: 'x86_64', sourceVersion: null };
  expect(readApkInstalled(text)).toEqual([
    { ...apk, name: 'musl', version: '1.2.5-r10', source: null },
    { ...apk, name: 'libcrypto3', version: '3.5.4-r0', source: 'openssl' },
  ]);
});

test.each([
  [
    'quotes',
    'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nNAME="Debian GNU/Linux"\nVERSION_ID="13"\nID=debian\n',
    { id: 'debian', version: '13', name: 'Debian GNU/Linux 13 (trixie)' },
  ],
  [
    'no quotes',
    "ID='alpine'\nVERSION_ID=3.22.1\nPRETTY_NAME=\n#ID=other\n",
    { id: 'alpine', version: '3.22.1', name: null },
  ],
  ['escapes', 'ID=x\nPRETTY_NAME="a \\"b\\" \\$c"', { id: 'x', version: null, name: 'a "b" $c' }],
  ['empty values', 'ID=""\nVERSION_ID=""\n', undefined],
  [
    'spaces, and line ends of Windows',
    'ID="a" \t\r\nVERSION_ID= 1 \r\nPRETTY_NAME=\'\'\r\n',
    { id: 'a', version: '1', name: null },
  ],
  ['a quote without an end', 'ID="a\n', { id: '"a', version: null, name: null }],
  ['no ID', 'BUILD_ID=1\nVERSION_ID=2\n', undefined],
  ['no text', '\0\xff', undefined],
  ['an endless line', `ID=${'x'.repeat(60_000)}`, undefined],
])('an os-release with %s', (_name, text, expected) => expect(readOsRelease(text)).toEqual(expected));

test('an os-release of nothing but spaces is read soon, as a layer may have thousands of them', () => {
  const text = `ID=${' '.repeat(60_000)}x`;
  const start = performance.now();
  for (let count = 0; count < 100; count += 1) expect(readOsRelease(text)).toBeUndefined();
  expect(performance.now() - start).toBeLessThan(2000);
});

const entry = 'Package: a\nStatus: install ok installed\n\n';

test('a database with more packages than any distribution has is refused, also when it is cut into many files', async () => {
  expect(readDpkgStatus(entry.repeat(MAX_OS_PACKAGES), true)).toHaveLength(MAX_OS_PACKAGES);
  const message = 'A layer lists more than 20000 OS packages.';
  expect(() => readDpkgStatus(entry.repeat(MAX_OS_PACKAGES + 1), true)).toThrow(message);
  expect(() => readApkInstalled('P:a\n\n'.repeat(2_000_000))).toThrow(message);
  const content = entry.repeat(MAX_OS_PACKAGES / 4);
  const files = Array.from({ length: 5 }, (_, index) => ({ name: `var/lib/dpkg/status.d/${index}`, content }));
  expect((await layerOf(files.slice(1))).files).toHaveLength(4);
  await expect(layerOf(files)).rejects.toThrow(message);
});

test.each([
  ['nothing but empty lines', '\n'.repeat(8 << 20)],
  ['one endless line', `Package: ${'x'.repeat(32 << 20)}`],
  ['fields without values', 'Package:\n\n'.repeat(1 << 20)],
  ['packages that are not installed', 'Package: a\n\n'.repeat(1 << 20)],
])('a database with %s is read soon, and nothing of it is kept', (_name, text) => {
  const start = performance.now();
  expect(readDpkgStatus(text, true)).toEqual([]);
  expect(performance.now() - start).toBeLessThan(5000);
});
