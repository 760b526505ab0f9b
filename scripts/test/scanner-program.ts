import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** A report of trivy with these vulnerabilities, of an image with these layers. */
export const trivyReport = (vulnerabilities: object[], diffIds?: string[]) => ({
  SchemaVersion: 2,
  ArtifactType: 'container_image',
  Metadata: { ImageID: 'sha256:1', DiffIDs: diffIds },
  Results: [
    { Target: 'debian 13', Class: 'os-pkgs', Vulnerabilities: vulnerabilities },
    { Target: 'Node.js', Class: 'lang-pkgs' },
  ],
});

export const TRIVY_VERSION = {
  Version: '0.74.0',
  VulnerabilityDB: { Version: 2, UpdatedAt: '2026-11-20T06:13:37.12Z', NextUpdate: '2026-11-21T06:13:37.12Z' },
};

/** A line of a shell that prints a text. */
export const printText = (text: string) => `printf %s '${text.replaceAll("'", "'\\''")}'`;
export const print = (value: unknown) => printText(JSON.stringify(value));

/**
 * Writes a program that behaves like a scanner. `code` is for a shell; the archive is `$FILE`. When it is asked for its version,
 * it prints `version` instead.
 *
 * @returns the PATH with which it is found.
 */
export async function writeScanner(
  directory: string,
  name: 'trivy' | 'grype',
  code: string,
  version: unknown = TRIVY_VERSION,
): Promise<string> {
  await mkdir(directory, { recursive: true });
  const asked = `case "$1" in version|--version) ${print(version)}; exit;; esac`;
  const file = name === 'trivy' ? 'FILE="$3"' : 'FILE="${1#*:}"';
  await writeFile(join(directory, name), `#!/bin/sh\n${asked}\n${file}\n${code}\n`);
  await chmod(join(directory, name), 0o755);
  return `${directory}${delimiter}${process.env.PATH}`;
}
