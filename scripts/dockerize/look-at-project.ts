import { readDockerFiles } from '../project/docker-files.ts';
import { findFramework } from '../project/frameworks.ts';
import { findHostVariable } from '../project/host-variable.ts';
import { findInstallNeeds } from '../project/install-needs.ts';
import { readLockfile } from '../project/lockfile.ts';
import { chooseNodeVersion } from '../project/node-version.ts';
import { findPackageManager } from '../project/package-manager.ts';
import { readProject, withoutOutputs } from '../project/read-project.ts';
import { scanSource } from '../project/scan-source.ts';
import { findBuild } from './look/build-command.ts';
import { findPorts, readsPort } from './look/port.ts';
import { findRuntimeFiles } from './look/runtime-files.ts';
import { findHealthRoute, findMisplacedPackages, findSigtermHandler } from './look/service.ts';
import { findStart } from './look/start-command.ts';
import { findWorkspace } from './look/workspace.ts';

/** What the user says of the project, because it cannot be known or because it should be otherwise. */
export interface Given {
  workspace?: string;
  node?: number;
  entry?: string;
  args?: string[];
  port?: number;
  path?: string;
  /** The ids of secrets, and the names of build arguments. */
  secrets: string[];
  buildArgs: string[];
}

export type Look = ReturnType<typeof lookAtProject>;

/**
 * Looks at a project: reads its files, and runs nothing of it.
 *
 * @throws {ToolError} with the code `usage` for what cannot be known. The hint names the flag.
 */
export function lookAtProject(directory: string, given: Given) {
  const { project: found, workspace } = findWorkspace(readProject(directory), given.workspace);
  const framework = findFramework(found);
  const build = findBuild(found, framework);
  const project = withoutOutputs(found, build?.outputs ?? []);
  const manager = findPackageManager(project);
  const manifests = new Map([['', project.rootManifest]]);
  for (const { path, manifest } of workspace?.needed ?? []) manifests.set(path, manifest);
  const lockfile = project.read(manager.value.lockfile) ?? '';
  const packages = readLockfile(lockfile, manager.value.name, { app: project.app, manifests });
  const node = chooseNodeVersion(project, given.node, packages);
  const needs = findInstallNeeds(project, manager.value, packages, manifests);
  const start = findStart(project, build, framework, given);
  const scan = scanSource(project, start.sourceEntry);
  const dockerFiles = readDockerFiles(project);
  return {
    project,
    workspace,
    manager,
    packages,
    node,
    needs,
    framework,
    build,
    start,
    scan,
    ...findPorts(project, scan, framework, dockerFiles),
    host: findHostVariable(scan),
    readsPort:
      (framework !== null && framework.name !== '@nestjs/core') || start.env.PORT !== undefined || readsPort(scan),
    files: findRuntimeFiles(project, scan, build?.outputs ?? [], dockerFiles),
    health: findHealthRoute(project, scan, framework, dockerFiles),
    sigterm: findSigtermHandler(scan, framework),
    misplaced: findMisplacedPackages(manifests, scan),
  };
}
