import { z } from 'zod';
import { optionalText } from './units.ts';

const osPackage = z.object({
  format: z.enum(['deb', 'apk']).describe('The kind of database that lists it'),
  name: z.string(),
  version: optionalText,
  architecture: optionalText,
  source: optionalText.describe('The source package, where its name is another one'),
  sourceVersion: optionalText.describe('The version of the source package, where it is another one'),
});

const npmPackage = z.object({
  path: z.string().describe('An absolute path in the image'),
  name: z.string(),
  version: optionalText,
  dev: z.boolean().describe('Whether only development dependencies require it'),
  app: z.boolean().describe('Whether it is an app, which may have the name of a package that others have published'),
});

const operatingSystem = z.object({
  id: z.string().describe('The ID of /etc/os-release, such as debian'),
  version: optionalText.describe('The VERSION_ID, such as 13'),
  name: optionalText.describe('The PRETTY_NAME, such as Debian GNU/Linux 13 (trixie)'),
});

/** What --sbom adds to an image. Node itself is in contents.facts. */
export const components = z
  .object({
    imageId: z.string().describe("The engine's id of the image; the digest of the configuration without an engine"),
    os: operatingSystem.nullable().describe('Null for an image without an os-release'),
    osPackages: z.array(osPackage),
    npmPackages: z.array(npmPackage).describe("What a container sees, npm's own packages included"),
  })
  .describe('What the SBOM lists');

export type Components = z.infer<typeof components>;
export type OperatingSystem = z.infer<typeof operatingSystem>;
export type OsPackage = z.infer<typeof osPackage>;
