import { posix } from 'node:path';
import { compilePattern } from '../lib/compile-pattern.ts';
import { listOf, mapOf, readYaml } from './read-data.ts';
import { type Manifest, type Project, readManifest } from './read-project.ts';
import { tidy } from './script-commands.ts';

/** A package of a workspace. The root has an empty path. */
export interface Member {
  path: string;
  name: string;
  manifest: Manifest;
}

/** The members of a workspace, without its root, and where they are named. */
export function findMembers(project: Project): { members: Member[]; source: string } {
  const isPnpm = project.has('pnpm-workspace.yaml');
  const { workspaces } = project.rootManifest;
  const inManifest = mapOf(workspaces).packages ?? workspaces;
  const patterns = listOf(isPnpm ? readYaml(project.read('pnpm-workspace.yaml')).packages : inManifest);
  const compile = (text: string) => compilePattern(tidy(text.replace('!', '')));
  const excluded = patterns.filter((text) => text.startsWith('!')).map(compile);
  const included = patterns.filter((text) => !text.startsWith('!')).map(compile);
  const members = project.files.flatMap((file) => {
    const path = posix.dirname(file);
    const isMember = included.some((matches) => matches(path)) && !excluded.some((matches) => matches(path));
    const manifest = file.endsWith('/package.json') && isMember ? readManifest(project, path) : null;
    return manifest ? { path, name: manifest.name ?? path, manifest } : [];
  });
  return { members, source: isPnpm ? 'pnpm-workspace.yaml' : 'workspaces in package.json' };
}

/** A member and the others that it uses, also to build. Each is after those that it uses itself. */
export function addUsed(members: Member[], member: Member, seen = new Set<Member>()): Member[] {
  seen.add(member);
  const { dependencies, devDependencies, optionalDependencies, peerDependencies } = member.manifest;
  const used = { ...peerDependencies, ...devDependencies, ...optionalDependencies, ...dependencies };
  const others = members.filter(({ name }) => name in used);
  return [...others.flatMap((other) => (seen.has(other) ? [] : addUsed(members, other, seen))), member];
}

/** The members that an app needs when it runs, without the app itself. `needed` are those that it is built with. */
export function findProductionMembers(needed: Member[], app: string): Member[] {
  const found = new Set(needed.filter(({ path }) => path === app));
  for (const { manifest } of found) {
    const names = { ...manifest.dependencies, ...manifest.optionalDependencies, ...manifest.peerDependencies };
    for (const member of needed) if (member.name in names) found.add(member);
  }
  return [...found].filter(({ path }) => path !== app && path !== '');
}
