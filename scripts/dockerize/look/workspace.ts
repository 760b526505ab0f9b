import type { Manifest, Project } from './read-project.ts';
export interface Member {
  path: string;
  name: string;
  manifest: Manifest;
}
export interface Workspace {
  kind: 'npm' | 'pnpm' | 'yarn';
  members: Member[];
  needed: Member[];
  others: string[];
  usesTurbo: boolean;
  source: string;
}
export function findWorkspace(
  project: Project,
  _given: string | undefined,
): { project: Project; workspace: Workspace | null } {
  return { project, workspace: null };
}
