import { X509Certificate } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import tls from 'node:tls';
import { ToolError } from '../lib/errors.ts';
import { settingsDirectory } from './credentials.ts';

/** Where Docker finds certificates of registries: the engine's directory, and Docker Desktop's. */
const certificateDirectories = () => ['/etc/docker/certs.d', join(settingsDirectory(), 'certs.d')];

/**
 * The certificates of authorities to trust for a registry, in addition to those that Node trusts; undefined when there
 * are none in addition. As for Docker: all files `*.crt` of the directory with the registry's name.
 */
export async function findAuthorities(host: string): Promise<string[] | undefined> {
  // Windows has no file names with a colon.
  const name = process.platform === 'win32' ? host.replaceAll(':', '') : host;
  const lists = await Promise.all(certificateDirectories().map((directory) => readCertificates(join(directory, name))));
  const own = lists.flat();
  return own.length === 0 ? undefined : [...(await trustedAuthorities()), ...own];
}

async function readCertificates(directory: string): Promise<string[]> {
  let path = directory;
  try {
    const names = (await readdir(directory)).filter((name) => name.endsWith('.crt'));
    const certificates: string[] = [];
    for (const name of names) {
      path = join(directory, name);
      const certificate = await readFile(path, 'utf8');
      // Node itself ignores what it cannot read.
      void new X509Certificate(certificate);
      certificates.push(certificate);
    }
    return certificates;
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    if (path === directory && ['ENOENT', 'ENOTDIR'].includes(code)) return [];
    throw new ToolError(`The certificates of a registry cannot be read: ${path}`, {
      lines: [message],
      hint: 'Expected a file with certificates in PEM format, which this user may read.',
    });
  }
}

/** What Node trusts. A list of authorities replaces these. */
async function trustedAuthorities(): Promise<readonly string[]> {
  // Absent before Node 22.15.
  if (tls.getCACertificates) return tls.getCACertificates('default');
  const extra = process.env.NODE_EXTRA_CA_CERTS;
  // Node ignores a file that it cannot read, with a warning.
  return extra ? [...tls.rootCertificates, await readFile(extra, 'utf8').catch(() => '')] : tls.rootCertificates;
}
