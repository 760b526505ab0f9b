import { posix } from 'node:path';
import type { Plan } from '../plan-model.ts';

/** What differs between chapters: the user (`node`, or `nonroot` of distroless), and how paths of the image are written. */
export const CHAPTERS = {
  '02': { user: 1000, app: './' },
  '03': { user: 65532, app: '/app/' },
  '04': { user: 1000, app: './' },
};

/** The image that the app runs on. */
export function runtimeImage({ shape, isDebian }: Plan): string {
  if (shape === '03') return 'gcr.io/distroless/nodejs$' + '{NODE_VERSION}-debian13:nonroot';
  return `node:\${NODE_VERSION}${isDebian ? '-slim' : '-alpine'}`;
}

/** The image that installs and builds. Up to Node 24 the official images are Debian 12, and distroless is Debian 13. */
export function buildImage({ shape, isDebian, compiles, node }: Plan): string {
  const release = shape === '03' && node < 26 ? '-trixie' : '';
  const small = shape === '03' || isDebian ? `${release}-slim` : '-alpine';
  return `node:\${NODE_VERSION}${compiles ? release : small}`;
}

/** A COPY for each directory that the installation reads files of. */
export const copyManifests = ({ manifests }: Plan) =>
  manifests.map(({ files, to }) => `COPY ${files.join(' ')} ${to}`).join('\n');

/** A RUN that installs: in chapter 04 with mounts, elsewhere with the files that were copied. */
export function installWith(plan: Plan, command: string): string {
  const { shape, name, manager, manifests } = plan;
  const target = plan.secretTarget ?? (shape === '04' ? '/root/.npmrc' : null);
  const secret = target === null ? [] : [`--mount=type=secret,id=npmrc,target=${target}`];
  if (shape !== '04') return ['RUN', ...secret, withHeaders(plan, command)].join(' ');
  const sharing = manager.sharesCache ? '' : ',sharing=locked';
  const cache = `--mount=type=cache,id=${name}-npm${sharing},target=/root/.npm`;
  const binds = manifests.flatMap(({ files, to }) =>
    files.map((file) => {
      // Several files are copied to a directory; a directory is copied to one of its own name.
      const path = to.endsWith('/') ? posix.join(to, posix.basename(file)) : posix.normalize(to);
      // What a command writes to a mount is lost after it.
      const access = command.includes('npm pkg') && file.endsWith('package.json') ? ',rw' : '';
      return `--mount=type=bind,source=${file},target=${path}${access}`;
    }),
  );
  return `RUN ${[cache, ...secret, ...binds, withHeaders(plan, command)].join(' \\\n  ')}`;
}

/** Node's headers are in the image: without this, node-gyp downloads them. */
export const withHeaders = ({ compiles }: Plan, command: string) =>
  compiles ? `npm_config_nodedir=/usr/local ${command}` : command;

/** An absolute path in the image. */
export const inApp = (path: string) => posix.resolve('/app', path);
