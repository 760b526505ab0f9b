import { z } from 'zod';
import { parseJson } from '../../lib/parse-json.ts';
import type { OsPackage } from '../model/sbom-schema.ts';
import type { Note } from './layer.ts';
import { readApkInstalled, readDpkgStatus, readOsRelease } from './package-databases.ts';

type NoteReader = (text: string) => Note | undefined;

/** The files that are read as a whole, up to a limit in bytes, and what is kept of their content. */
const READERS: { path: RegExp; limit: number; read: NoteReader }[] = [
  { path: /(^|\/)package\.json$/, limit: 1 << 20, read: readPackageJson },
  { path: /(^|\/)node_modules\/\.package-lock\.json$/, limit: 32 << 20, read: readHiddenLockfile },
  { path: /^var\/lib\/dpkg\/status$/, limit: 32 << 20, read: toPackages((text) => readDpkgStatus(text, true)) },
  // Distroless has a file for each package: https://github.com/GoogleContainerTools/distroless
  {
    path: /^var\/lib\/dpkg\/status\.d\/(?!.*\.md5sums$)[^/]+$/,
    limit: 1 << 20,
    read: toPackages((text) => readDpkgStatus(text, false)),
  },
  { path: /^(usr\/)?lib\/apk\/db\/installed$/, limit: 32 << 20, read: toPackages(readApkInstalled) },
  { path: /^(etc|usr\/lib)\/os-release$/, limit: 64 << 10, read: toOperatingSystem },
  { path: /^etc\/passwd$/, limit: 1 << 20, read: readUsers },
  { path: /^etc\/group$/, limit: 1 << 20, read: readGroups },
  // `${NPM_TOKEN}` only names a variable.
  {
    path: /(^|\/)\.?npmrc$/,
    limit: 1 << 20,
    read: findToken(/(?:^|:)(?:_authToken|_auth|_password)\s*=\s*(?!\$\{)["']?[^\s"'$]/m),
  },
  { path: /(^|\/)\.yarnrc\.yml$/, limit: 1 << 20, read: findToken(/npmAuth(Token|Ident)["']?:\s*["']?[^\s"'$]/) },
];

/** A key is at the beginning of its file, except where a program exports it with a text above. */
const KEY_NAME = /(\.(pem|key|p8|ppk)|(^|\/)id_(rsa|dsa|ecdsa|ed25519))$/;
const KEY_LIMIT_BYTES = 64 << 10;
const SNIFF_BYTES = 64;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|^PuTTY-User-Key-File-/;

/** How many of a file's first bytes `readNote` expects. */
export function bytesToRead(path: string, size: number): number {
  const reader = READERS.find((candidate) => candidate.path.test(path));
  if (reader) return size <= reader.limit ? size : 0;
  return Math.min(size, KEY_NAME.test(path) ? KEY_LIMIT_BYTES : SNIFF_BYTES);
}

/** What is worth keeping of a file's content. Never keeps what may be secret. */
export function readNote(path: string, content: Buffer): Note | undefined {
  const reader = READERS.find((candidate) => candidate.path.test(path));
  if (reader) return reader.read(content.toString('utf8'));
  return PRIVATE_KEY.test(content.toString('latin1')) ? { type: 'privateKey' } : undefined;
}

const optionalText = z.string().optional().catch(undefined);
const objectKeys = z
  .record(z.string(), z.unknown())
  .catch({})
  .transform((object) => Object.keys(object));
const packageJsonFile = z.object({
  name: optionalText,
  version: optionalText,
  dependencies: objectKeys,
  optionalDependencies: objectKeys,
  peerDependencies: objectKeys,
  devDependencies: objectKeys,
});

function readPackageJson(text: string): Note | undefined {
  const { data } = packageJsonFile.safeParse(parseJson(text));
  if (!data) return undefined;
  const { name, version, dependencies, optionalDependencies, peerDependencies, devDependencies } = data;
  const installed = new Set([...dependencies, ...optionalDependencies, ...peerDependencies]);
  return { type: 'packageJson', name, version, dependencies: [...installed], devDependencies };
}

const lockedPackage = z.object({ dev: z.boolean().catch(false) }).catch({ dev: false });
const lockfile = z.object({ packages: z.record(z.string(), lockedPackage).catch({}) });

/** The lockfile that npm 7 and later keep inside node_modules. */
function readHiddenLockfile(text: string): Note {
  const packages = Object.entries(lockfile.safeParse(parseJson(text)).data?.packages ?? {});
  const dev = packages.filter(([, locked]) => locked.dev).map(([path]) => path.replace(/^node_modules\//, ''));
  return { type: 'hiddenLockfile', dev };
}

function toPackages(read: (text: string) => OsPackage[]): NoteReader {
  return (text) => ({ type: 'osPackages', packages: read(text) });
}

function toOperatingSystem(text: string): Note | undefined {
  const found = readOsRelease(text);
  return found && { type: 'osRelease', ...found };
}

function findToken(token: RegExp): NoteReader {
  return (text) => (token.test(text) ? { type: 'npmToken' } : undefined);
}

const readFields = (text: string) => text.split('\n').map((line) => line.split(':'));

function readUsers(text: string): Note {
  const users = readFields(text).flatMap(([name = '', , uid = '', gid = '', , home = '']) =>
    isId(uid) && isId(gid) ? { name, uid: Number(uid), gid: Number(gid), home } : [],
  );
  return { type: 'users', users };
}

function readGroups(text: string): Note {
  const groups = readFields(text).flatMap(([name = '', , gid = '', members = '']) =>
    isId(gid) ? { name, gid: Number(gid), members: members.split(',').filter(Boolean) } : [],
  );
  return { type: 'groups', groups };
}

const isId = (text: string) => /^\d{1,10}$/.test(text);
