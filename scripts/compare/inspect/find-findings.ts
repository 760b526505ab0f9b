import { CATALOG, CODES, type Code, LEVELS, type Level } from '../model/finding-catalog.ts';
import type { Evidence, Finding } from '../model/report-schema.ts';
import { findConfigSecrets, findNpmStart, findShellForm, isRoot, lineEvidence, startWords } from './config-findings.ts';
import type { IndexedImage } from './index-image.ts';
import type { ImageFile } from './merge-layers.ts';
import { type Package, packageDirectory } from './packages.ts';

/** The report lists this much evidence for each finding. */
const MAX_EVIDENCE = 50;

const ENV_FILE = /(^|\/)\.env(\.(?!example|sample|template|dist|defaults)[^/]*)?$/;
const CREDENTIALS_FILE =
  /(^|\/)(\.netrc|\.git-credentials|\.pypirc|\.aws\/credentials|\.docker\/config\.json|\.kube\/config)$/;
const GIT = /^(.*\/)?\.git(?=\/(HEAD|config)$)/s;
const COMPILER =
  /^(usr\/(local\/)?)?bin\/(gcc|g\+\+|cc|c\+\+|clang|clang\+\+|tcc|rustc|go|javac)$|(^|\/)node_modules\/typescript\/package\.json$/;
const TYPESCRIPT = /(?<!\.d)\.[cm]?tsx?$/;
const CACHE =
  /^(.*\/)?(\.npm\/_cacache|\.cache\/(yarn|pnpm|node)|\.yarn\/cache|\.pnpm-store|\.local\/share\/pnpm\/store|usr\/local\/share\/\.cache)(?=\/)/;

/** Finds the evidence for one finding. It also says the level, where that is not the level in the catalog. */
type Detector = (indexed: IndexedImage) => Evidence[] | { evidence: Evidence[]; level: Level };

const DETECTORS: Record<Code, Detector> = {
  // Secrets in any layer, in the configuration, and in the history.
  'secret-in-config': findConfigSecrets,
  'private-key': findFiles(({ note }) => note?.type === 'privateKey'),
  'npm-token': findFiles(({ note }) => note?.type === 'npmToken'),
  'env-file': findFiles(
    ({ path, bytes }, { groupOf }) =>
      bytes > 0 && (ENV_FILE.test(path) || (path.endsWith('.env') && groupOf(path) === 'application')),
  ),
  'credentials-file': findFiles(({ path, bytes }) => bytes > 0 && CREDENTIALS_FILE.test(path)),
  'git-folder': ({ tree }) => findDirectories(tree.all, GIT, true),
  // As whom the app runs, and what it may do.
  'runs-as-root': ({ image }) => (isRoot(image) ? [lineEvidence(`USER ${image.user || 'root'}`)] : []),
  'user-name': ({ image }) =>
    isRoot(image) || /^\d+(:|$)/.test(image.user) ? [] : [lineEvidence(`USER ${image.user}`)],
  'writable-files': findWritableFiles,
  setuid: findSetuidFiles,
  // What a running service does not need.
  'dev-dependency': findDevDependencies,
  compiler: findCompilers,
  sources: findSourceCode,
  'npm-cache': ({ visibleFiles }) => findDirectories(visibleFiles.filter(isFile), CACHE, false),
  // How the app starts, and how the engine checks it.
  'shell-form': findShellForm,
  'npm-process': findNpmStart,
  'no-healthcheck': ({ image }) => (image.healthcheck ? [] : [lineEvidence('HEALTHCHECK')]),
};

/** Everything about an image that the user should look at: the worst level first, then in the order of the catalog. */
export function findFindings(indexed: IndexedImage): Finding[] {
  const findings = CODES.flatMap((code): Finding[] => {
    const { message, level: usualLevel } = CATALOG[code];
    const result = DETECTORS[code](indexed);
    const { evidence, level } = Array.isArray(result) ? { evidence: result, level: usualLevel } : result;
    if (evidence.length === 0) return [];
    return [{ code, level, message, line: null, count: evidence.length, evidence: evidence.slice(0, MAX_EVIDENCE) }];
  });
  return findings.sort((a, b) => LEVELS.indexOf(b.level) - LEVELS.indexOf(a.level));
}

const isFile = ({ kind }: ImageFile) => kind === 'file';

/** A file or directory as evidence. */
function fileEvidence({ path, layer, removed }: ImageFile, note: string | null = null): Evidence {
  const state = removed && `${removed.how} in a later layer; still part of the image`;
  return { path: `/${path}`, layer, note: state ?? note };
}

/** Makes the detector for files, deleted ones included. The files of npm packages are public already. */
function findFiles(isSecret: (file: ImageFile, indexed: IndexedImage) => boolean): Detector {
  return (indexed) =>
    indexed.tree.all
      .filter((file) => isFile(file) && packageDirectory(file.path) === null && isSecret(file, indexed))
      .map((file) => fileEvidence(file));
}

/** The directories that `pattern` finds at the beginning of files' paths: each once, or once in each layer. */
function findDirectories(files: ImageFile[], pattern: RegExp, inEachLayer: boolean): Evidence[] {
  const directories = new Map<string, Evidence>();
  for (const file of files) {
    const path = packageDirectory(file.path) === null ? pattern.exec(file.path)?.[0] : undefined;
    const key = inEachLayer ? `${path}\0${file.layer}` : path;
    if (path === undefined || key === undefined || directories.has(key)) continue;
    directories.set(key, fileEvidence({ ...file, path }));
  }
  return [...directories.values()];
}

/** Directories where every user may write, or that are not part of an image. */
const WRITABLE_BY_DESIGN = /^(tmp|var\/tmp|run|var\/run|var\/lock|dev|proc|sys)(\/|$)/;

function findWritableFiles(indexed: IndexedImage): Evidence[] {
  const mayWrite = writeAccess(indexed);
  const evidence: Evidence[] = [];
  let directory: string | undefined;
  for (const file of indexed.visibleFiles) {
    // A writable directory stands for everything in it.
    if (!mayWrite(file) || (directory !== undefined && file.path.startsWith(directory))) continue;
    if (file.kind === 'directory') directory = `${file.path}/`;
    evidence.push(fileEvidence(file, `mode ${file.mode.toString(8).padStart(4, '0')}, owner ${file.uid}:${file.gid}`));
  }
  return evidence;
}

/** Makes the function that says whether the image's user may write to a file or directory. */
function writeAccess({ image, tree }: IndexedImage): (file: ImageFile) => boolean {
  const passwd = tree.visible.get('etc/passwd')?.note;
  const group = tree.visible.get('etc/group')?.note;
  const users = passwd?.type === 'users' ? passwd.users : [];
  const groups = group?.type === 'groups' ? group.groups : [];

  // As Docker does: the group that is given, or the user's own group and those that list the user.
  const [userName = '', groupName] = image.user.split(':');
  const user = users.find(({ name, uid }) => name === userName || String(uid) === userName);
  const uid = user?.uid ?? (/^\d+$/.test(userName) ? Number(userName) : 0);
  const listing = groups.filter(({ members }) => user && members.includes(user.name));
  const gids =
    groupName === undefined
      ? [user?.gid ?? 0, ...listing.map(({ gid }) => gid)]
      : [groups.find(({ name }) => name === groupName)?.gid ?? Number(groupName)];
  const home = user?.home.replace(/^\/+|\/+$/g, '') || null;
  const runsAsRoot = isRoot(image) || uid === 0;

  return ({ path, kind, mode, uid: owner, gid }) => {
    if ((kind !== 'file' && kind !== 'directory') || WRITABLE_BY_DESIGN.test(path)) return false;
    // With the sticky bit, as /tmp has it, a user cannot replace the files of others.
    if (kind === 'directory' && (mode & 0o1000) !== 0) return false;
    if ((mode & 0o002) !== 0) return true;
    if (runsAsRoot) return false;
    // A home directory and its settings belong to the user by design; an app in it does not.
    if (home !== null && (path === home || path.startsWith(`${home}/.`))) return false;
    return (owner === uid && (mode & 0o200) !== 0) || (gids.includes(gid) && (mode & 0o020) !== 0);
  };
}

/** Where distributions install their own programs. */
const DISTRIBUTION = /^(usr\/)?(bin|sbin|lib|lib64|libexec)\//;

/** The programs that were added to the distribution; if there are none, the distribution's own as level info. */
function findSetuidFiles({ visibleFiles, baseLayers }: IndexedImage): ReturnType<Detector> {
  const files = visibleFiles.filter((file) => isFile(file) && (file.mode & 0o6000) !== 0);
  const added = files.filter(({ path, layer }) => !DISTRIBUTION.test(path) || layer >= (baseLayers ?? Infinity));
  const toEvidence = (file: ImageFile) =>
    fileEvidence(file, (file.mode & 0o4000) !== 0 ? `setuid, owner ${file.uid}` : `setgid, group ${file.gid}`);
  return added.length > 0 ? added.map(toEvidence) : { evidence: files.map(toEvidence), level: 'info' };
}

function findDevDependencies({ packages, tree }: IndexedImage): Evidence[] {
  // Those that the app's package.json names come first: they explain the others.
  const rank = ({ name, requiredBy }: Package) => (requiredBy.includes(name) ? 0 : 1);
  return [...packages.values()]
    .filter(({ dev }) => dev)
    .sort((a, b) => rank(a) - rank(b) || (a.path < b.path ? -1 : 1))
    .flatMap(({ path, version }) => {
      const file = tree.visible.get(`${path}/package.json`);
      return file ? [fileEvidence({ ...file, path }, version && `version ${version}`)] : [];
    });
}

function findCompilers({ visibleFiles }: IndexedImage): Evidence[] {
  return visibleFiles
    .filter(({ path, kind }) => kind !== 'directory' && COMPILER.test(path))
    .map((file) => fileEvidence({ ...file, path: file.path.replace(/\/package\.json$/, '') }));
}

function findSourceCode({ image, visibleFiles, groupOf }: IndexedImage): Evidence[] {
  // Node runs TypeScript directly: then the source code is the app.
  if (startWords(image).some((word) => /\.[cm]?tsx?$/.test(word))) return [];
  return visibleFiles
    .filter((file) => isFile(file) && TYPESCRIPT.test(file.path) && groupOf(file.path) === 'application')
    .map((file) => fileEvidence(file));
}
