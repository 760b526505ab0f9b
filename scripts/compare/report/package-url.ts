interface PackageUrlParts {
  /** Such as `npm` or `deb`. */
  type: string;
  namespace?: string | null;
  name: string;
  version?: string | null;
  qualifiers?: Record<string, string | null>;
}

/**
 * The package URL by which scanners know a package: https://github.com/package-url/purl-spec
 * Undefined for a package without a name.
 */
export function packageUrl({ type, namespace, name, version, qualifiers = {} }: PackageUrlParts): string | undefined {
  if (name === '') return undefined;
  const path = [type, namespace, name].flatMap((part) => (part ? [encode(part)] : [])).join('/');
  const pairs = Object.entries(qualifiers)
    .flatMap(([key, value]) => (value ? [`${key}=${encode(value)}`] : []))
    .sort();
  return `pkg:${path}${version ? `@${encode(version)}` : ''}${pairs.length > 0 ? `?${pairs.join('&')}` : ''}`;
}

/** In a package URL, a colon is never encoded; everything else is, except for letters, digits and `-._~`. */
const encode = (text: string) =>
  encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\uFFFD'))
    .replaceAll('%3A', ':')
    .replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);
