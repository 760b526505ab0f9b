import type { ImageFacts } from '../../engine/engine.ts';
import { HIDDEN, looksSecret, redact } from '../../lib/redact.ts';
import { CATALOG, type Code, LEVELS, type Level } from '../model/finding-catalog.ts';
import type { Group } from '../model/groups.ts';
import type { Evidence, Finding } from '../model/report-schema.ts';
import { buildArguments, instructionText } from './instruction.ts';
import type { Note } from './layer-files.ts';
import type { ImageFile, ImageTree } from './merge-layers.ts';
import { type Package, packageFolder } from './packages.ts';

/** All that findings are drawn from. */
export interface Inspected {
  image: ImageFacts;
  history: string[];
  instructions: (string | null)[];
  tree: ImageTree;
  packages: Map<string, Package>;
  /** Notes by layer. */
  notes: Map<string, Note>[];
  groupOf: (path: string) => Group;
  /** How many of the lowest layers are those of the base image, where that is known. */
  baseLayers: number | null;
}

/** A report names this many places; a person needs fewer. */
const MAX_EVIDENCE = 50;

/** Everything about an image that somebody should look at, the worst first. */
export function findFindings(inspected: Inspected): Finding[] {
  return (Object.entries(DETECTORS) as [Code, (inspected: Inspected) => Found][])
    .flatMap(([code, detect]) => {
      const { evidence, level } = detect(inspected);
      if (evidence.length === 0) return [];
      const { message } = CATALOG[code];
      return {
        code,
        level: level ?? CATALOG[code].level,
        message,
        count: evidence.length,
        evidence: evidence.slice(0, MAX_EVIDENCE),
      };
    })
    .sort((a, b) => LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level));
}

interface Found {
  evidence: Evidence[];
  /** Where it is not the one of the catalog. */
  level?: Level;
}

const DETECTORS: Record<Code, (inspected: Inspected) => Found> = {
  'secret-in-config': secretsInConfig,
  'private-key': (inspected) => filesWithNote(inspected, 'privateKey'),
  'npm-token': (inspected) => filesWithNote(inspected, 'npmToken'),
  'env-file': envFiles,
  'credentials-file': credentialFiles,
  'git-folder': gitFolders,
  'runs-as-root': ({ image }) => ({ evidence: isRoot(image.user) ? [config(`USER ${image.user || 'root'}`)] : [] }),
  'user-name': ({ image }) => {
    const [user = ''] = image.user.split(':');
    return { evidence: isRoot(image.user) || /^\d+$/.test(user) ? [] : [config(`USER ${image.user}`)] };
  },
  'writable-files': writableFiles,
  setuid: setuidFiles,
  'dev-dependency': devDependencies,
  compiler: compilers,
  sources: sources,
  'npm-cache': caches,
  'shell-form': shellForm,
  'npm-process': npmProcess,
  'no-healthcheck': ({ image }) => ({ evidence: image.healthcheck ? [] : [config('HEALTHCHECK')] }),
};

/** How much of a command is told, in characters. */
const MAX_COMMAND = 120;

const config = (path: string, layer: number | null = null): Evidence => ({ path, layer, note: null });

const at = ({ path, layer, gone }: ImageFile, note: string | null = null): Evidence => ({
  path: `/${path}`,
  layer,
  note: gone ? `${gone.how} by a later layer, but still in the image` : note,
});

const byPath = (a: { path: string }, b: { path: string }) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0);

const visibleFiles = ({ tree }: Inspected) => [...tree.visible.values()].sort(byPath);

const isRoot = (user: string) => ['', '0', 'root'].includes(user.split(':')[0] ?? '');

// --- secrets, in any layer -------------------------------------------------------------------------------------------

function filesWithNote({ tree, notes }: Inspected, type: Note['type']): Found {
  const files = tree.all.filter(({ path, layer, kind }) => kind === 'file' && notes[layer]?.get(path)?.type === type);
  // What a package brings is public.
  return { evidence: files.filter(({ path }) => packageFolder(path) === null).map((file) => at(file)) };
}

function envFiles({ tree, groupOf }: Inspected): Found {
  const files = tree.all.filter(
    ({ path, kind, bytes }) =>
      kind === 'file' &&
      bytes > 0 &&
      (/(^|\/)\.env(\.(?!example|sample|template|dist|defaults)[^/]*)?$/.test(path) ||
        (path.endsWith('.env') && groupOf(path) === 'application')) &&
      packageFolder(path) === null,
  );
  return { evidence: files.map((file) => at(file)) };
}

const CREDENTIALS =
  /(^|\/)(\.netrc|\.git-credentials|\.pypirc|\.aws\/credentials|\.docker\/config\.json|\.kube\/config)$/;

function credentialFiles({ tree }: Inspected): Found {
  const files = tree.all.filter(({ path, kind, bytes }) => kind === 'file' && bytes > 0 && CREDENTIALS.test(path));
  return { evidence: files.filter(({ path }) => packageFolder(path) === null).map((file) => at(file)) };
}

function gitFolders({ tree }: Inspected): Found {
  const files = tree.all.filter(({ path }) => /(^|\/)\.git\/(HEAD|config)$/.test(path) && packageFolder(path) === null);
  const folders = new Map(
    files.map((file) => {
      const path = file.path.replace(/\/(HEAD|config)$/, '');
      return [`${path}\0${file.layer}`, { ...file, path }];
    }),
  );
  return { evidence: [...folders.values()].map((folder) => at(folder)) };
}

function secretsInConfig({ image, history, instructions }: Inspected): Found {
  const environment = image.environment.flatMap((line) => {
    const [name = '', ...value] = line.split('=');
    return looksSecret(name, value.join('=')) ? [config(`ENV ${name}`)] : [];
  });
  const found = new Map<string, Evidence>();
  for (const line of history) {
    for (const { name, value } of buildArguments(line)) {
      const layer = instructions.indexOf(instructionText(line));
      // The first command that sees it; the builder repeats it for all that follow.
      if (looksSecret(name, value) && !found.has(name))
        found.set(name, config(`ARG ${name}`, layer === -1 ? null : layer));
    }
  }
  const commands = instructions.flatMap((text, layer) =>
    text?.startsWith('RUN ') && text.includes(HIDDEN) ? [config(text.slice(0, MAX_COMMAND), layer)] : [],
  );
  const start = process1(image).join(' ');
  const told = redact(start) === start ? [] : [config(`CMD ${redact(start)}`.slice(0, MAX_COMMAND))];
  return { evidence: [...environment, ...found.values(), ...commands, ...told] };
}

// --- rights ----------------------------------------------------------------------------------------------------------

/** Where every user may write, and what is not in an image's files. */
const EVERYBODYS = /^(tmp|var\/tmp|run|var\/run|var\/lock|dev|proc|sys)(\/|$)/;

function writableFiles(inspected: Inspected): Found {
  const mayWrite = writerTest(inspected);
  const evidence: Evidence[] = [];
  let folder: string | undefined;
  for (const file of visibleFiles(inspected)) {
    if (!mayWrite(file)) continue;
    // What is in a writable folder needs no line of its own.
    if (folder !== undefined && file.path.startsWith(folder)) continue;
    if (file.kind === 'directory') folder = `${file.path}/`;
    evidence.push(at(file, `mode ${file.mode.toString(8).padStart(4, '0')}, owner ${file.uid}:${file.gid}`));
  }
  return { evidence };
}

/** Makes the function that says whether the user that runs the app may write a file or into a folder. */
function writerTest({ image, notes, tree }: Inspected): (file: ImageFile) => boolean {
  const noteAt = (path: string) => {
    const file = tree.visible.get(path);
    return file ? notes[file.layer]?.get(path) : undefined;
  };
  const [users, groups] = [noteAt('etc/passwd'), noteAt('etc/group')];
  const [name = '', group] = image.user.split(':');
  const user =
    users?.type === 'users' ? users.users.find((one) => one.name === name || String(one.uid) === name) : undefined;
  const known = groups?.type === 'groups' ? groups.groups : [];
  const uid = user?.uid ?? (/^\d+$/.test(name) ? Number(name) : 0);
  // As Docker does: the group that is given, or the user's own and those that list the user.
  const given = group === undefined ? undefined : (known.find((one) => one.name === group)?.gid ?? Number(group));
  const gids = new Set(
    given === undefined
      ? [user?.gid ?? 0, ...known.filter(({ members }) => user && members.includes(user.name)).map(({ gid }) => gid)]
      : [given],
  );
  const home = user?.home.replace(/^\/+|\/+$/g, '') || null;
  const root = isRoot(image.user) || uid === 0;

  return ({ path, kind, mode, uid: owner, gid }) => {
    if ((kind !== 'file' && kind !== 'directory') || EVERYBODYS.test(path)) return false;
    // Sticky, as /tmp is: who may write there cannot replace what belongs to others.
    if (kind === 'directory' && (mode & 0o1000) !== 0) return false;
    if ((mode & 0o002) !== 0) return true;
    if (root) return false;
    // A home, and its settings, are the user's by design; an app in it is not.
    if (home !== null && (path === home || path.startsWith(`${home}/.`))) return false;
    return (owner === uid && (mode & 0o200) !== 0) || (gids.has(gid) && (mode & 0o020) !== 0);
  };
}

/** Where distributions put programs of their own. */
const DISTRIBUTION = /^(usr\/)?(bin|sbin|lib|lib64|libexec)\//;

function setuidFiles(inspected: Inspected): Found {
  const files = visibleFiles(inspected).filter(({ kind, mode }) => kind === 'file' && (mode & 0o6000) !== 0);
  const { baseLayers } = inspected;
  const added = files.filter(
    ({ path, layer }) => !DISTRIBUTION.test(path) || (baseLayers !== null && layer >= baseLayers),
  );
  return {
    evidence: (added.length > 0 ? added : files).map((file) =>
      at(file, (file.mode & 0o4000) !== 0 ? `setuid, owner ${file.uid}` : `setgid, group ${file.gid}`),
    ),
    ...(added.length === 0 && { level: 'info' as const }),
  };
}

// --- what does not belong --------------------------------------------------------------------------------------------

/** What the app's own package.json names says more than what came with it. */
const isDirect = ({ name, requiredBy }: Package) => requiredBy.includes(name);

function devDependencies({ packages, tree }: Inspected): Found {
  const installed = [...packages.values()].filter(({ dev, path }) => dev && tree.visible.has(`${path}/package.json`));
  return {
    evidence: installed
      .sort((a, b) => Number(isDirect(b)) - Number(isDirect(a)) || byPath(a, b))
      .map(({ path, version }) => ({
        path: `/${path}`,
        layer: tree.visible.get(`${path}/package.json`)?.layer ?? null,
        note: version === null ? null : `version ${version}`,
      })),
  };
}

const COMPILER =
  /^(usr\/(local\/)?)?bin\/(gcc|g\+\+|cc|c\+\+|clang|clang\+\+|tcc|rustc|go|javac)$|(^|\/)node_modules\/typescript\/package\.json$/;

function compilers(inspected: Inspected): Found {
  const files = visibleFiles(inspected).filter(({ path, kind }) => kind !== 'directory' && COMPILER.test(path));
  return { evidence: files.map((file) => at({ ...file, path: file.path.replace(/\/package\.json$/, '') })) };
}

function sources(inspected: Inspected): Found {
  // Node runs TypeScript as it is: then the sources are the app.
  if (process1(inspected.image).some((word) => /\.[cm]?tsx?$/.test(word))) return { evidence: [] };
  const files = visibleFiles(inspected).filter(
    ({ path, kind }) =>
      kind === 'file' && /(?<!\.d)\.[cm]?tsx?$/.test(path) && inspected.groupOf(path) === 'application',
  );
  return { evidence: files.map((file) => at(file)) };
}

function caches(inspected: Inspected): Found {
  const folders = new Map<string, ImageFile>();
  for (const file of visibleFiles(inspected)) {
    if (file.kind !== 'file' || packageFolder(file.path) !== null) continue;
    const folder =
      /^(.*\/)?(\.npm\/_cacache|\.cache\/(yarn|pnpm|node)|\.yarn\/cache|\.pnpm-store|\.local\/share\/pnpm\/store|usr\/local\/share\/\.cache)(?=\/)/.exec(
        file.path,
      )?.[0];
    if (folder !== undefined && !folders.has(folder)) folders.set(folder, { ...file, path: folder });
  }
  return { evidence: [...folders.values()].map((folder) => at(folder)) };
}

// --- how it starts ---------------------------------------------------------------------------------------------------

/** The words of process 1, without the official images' entrypoint script, which replaces itself. */
function process1({ entrypoint, command }: ImageFacts): string[] {
  return [...entrypoint, ...command].filter((word, index) => index > 0 || !/(^|\/)docker-entrypoint\.sh$/.test(word));
}

/** The text that a shell is given as process 1, or null. A shell that is told to `exec` replaces itself. */
function shellText(image: ImageFacts): string | null {
  const [shell = '', flag, text = ''] = process1(image);
  return /(^|\/)(sh|bash|ash|dash|busybox)$/.test(shell) && flag === '-c' ? text.trim() : null;
}

/** The command as it is told: without secrets, and not longer than a line. */
const startCommand = (image: ImageFacts) => `CMD ${redact(process1(image).join(' '))}`.slice(0, MAX_COMMAND);

function shellForm({ image }: Inspected): Found {
  const text = shellText(image);
  return { evidence: text === null || text.startsWith('exec ') ? [] : [config(startCommand(image))] };
}

function npmProcess({ image }: Inspected): Found {
  const [program = ''] =
    shellText(image)
      ?.replace(/^exec +/, '')
      .split(/\s+/) ?? process1(image);
  const manager = /(?:^|\/)(npm|npx|yarn|pnpm|corepack)$/.exec(program)?.[1];
  return { evidence: manager === undefined ? [] : [config(startCommand(image))] };
}
