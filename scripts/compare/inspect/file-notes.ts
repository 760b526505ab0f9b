import type { Note } from './layer-files.ts';

/** What one may learn from a file of this name, and how much of it to read for that, in bytes. */
const READERS: { path: RegExp; limit: number; read: (text: string) => Note | null }[] = [
  { path: /(^|\/)package\.json$/, limit: 1 << 20, read: readManifest },
  { path: /(^|\/)node_modules\/\.package-lock\.json$/, limit: 32 << 20, read: readHiddenLock },
  {
    path: /^var\/lib\/dpkg\/status$/,
    limit: 32 << 20,
    read: (text) => countPackages(text, /^Status: .* installed$/gm),
  },
  // Distroless has a file for each package: https://github.com/GoogleContainerTools/distroless
  {
    path: /^var\/lib\/dpkg\/status\.d\/(?!.*\.md5sums$)[^/]+$/,
    limit: 1 << 20,
    read: (text) => countPackages(text, /^Package: /gm),
  },
  { path: /^(usr\/)?lib\/apk\/db\/installed$/, limit: 32 << 20, read: (text) => countPackages(text, /^P:/gm) },
  { path: /^etc\/passwd$/, limit: 1 << 20, read: readUsers },
  { path: /^etc\/group$/, limit: 1 << 20, read: readGroups },
  { path: /(^|\/)\.?npmrc$/, limit: 1 << 20, read: readNpmrc },
  {
    path: /(^|\/)\.yarnrc\.yml$/,
    limit: 1 << 20,
    read: (text) => (/npmAuth(Token|Ident)["']?:\s*["']?[^\s"'$]/.test(text) ? { type: 'npmToken' } : null),
  },
];

/** Keys are at the beginning of a file, but for those that a program exports with a text above. */
const KEY_NAME = /(\.(pem|key|p8|ppk)|(^|\/)id_(rsa|dsa|ecdsa|ed25519))$/;
const KEY_LIMIT_BYTES = 64 << 10;
const SNIFF_BYTES = 64;
const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|^PuTTY-User-Key-File-/;

/** How many of a file's first bytes `readNote` wants to see. */
export function bytesToRead(path: string, size: number): number {
  const reader = READERS.find((candidate) => candidate.path.test(path));
  if (reader) return size <= reader.limit ? size : 0;
  return Math.min(size, KEY_NAME.test(path) ? KEY_LIMIT_BYTES : SNIFF_BYTES);
}

/** What a file says that is worth keeping, or null. Never keeps what may be secret. */
export function readNote(path: string, content: Buffer): Note | null {
  const reader = READERS.find((candidate) => candidate.path.test(path));
  if (reader) return reader.read(content.toString('utf8'));
  return PRIVATE_KEY.test(content.toString('latin1')) ? { type: 'privateKey' } : null;
}

function readManifest(text: string): Note | null {
  const manifest = parseObject(text);
  if (!manifest) return null;
  const keys = (name: string) => Object.keys(asObject(manifest[name]) ?? {});
  return {
    type: 'manifest',
    ...(typeof manifest.name === 'string' && { name: manifest.name }),
    ...(typeof manifest.version === 'string' && { version: manifest.version }),
    dependencies: [...new Set([...keys('dependencies'), ...keys('optionalDependencies'), ...keys('peerDependencies')])],
    devDependencies: keys('devDependencies'),
  };
}

/** The lock file that npm 7 and later keep inside node_modules. */
function readHiddenLock(text: string): Note | null {
  const packages = Object.entries(asObject(parseObject(text)?.packages) ?? {});
  const dev = packages.filter(([, entry]) => asObject(entry)?.dev === true);
  return { type: 'lock', dev: dev.map(([path]) => path.replace(/^node_modules\//, '')) };
}

function countPackages(text: string, line: RegExp): Note {
  return { type: 'osPackages', count: text.match(line)?.length ?? 0 };
}

function readUsers(text: string): Note {
  const users = text.split('\n').map((line) => line.split(':'));
  return {
    type: 'users',
    users: users.flatMap(([name = '', , uid, gid, , home = '']) =>
      isId(uid) && isId(gid) ? { name, uid: Number(uid), gid: Number(gid), home } : [],
    ),
  };
}

function readGroups(text: string): Note {
  const groups = text.split('\n').map((line) => line.split(':'));
  return {
    type: 'groups',
    groups: groups.flatMap(([name = '', , gid, members = '']) =>
      isId(gid) ? { name, gid: Number(gid), members: members.split(',').filter(Boolean) } : [],
    ),
  };
}

/** `${NPM_TOKEN}` only names a variable. */
function readNpmrc(text: string): Note | null {
  return /(?:^|:)(?:_authToken|_auth|_password)\s*=\s*(?!\$\{)["']?[^\s"'$]/m.test(text) ? { type: 'npmToken' } : null;
}

const isId = (text: string | undefined): text is string => /^\d{1,10}$/.test(text ?? '');

function parseObject(text: string): Record<string, unknown> | null {
  try {
    return asObject(JSON.parse(text));
  } catch {
    return null;
  }
}

function asObject(value: unknown): Record<string, unknown> | null {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : null;
}
