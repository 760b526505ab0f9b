/** How bad a finding is, from the least to the worst. */
export const LEVELS = ['info', 'warning', 'error'] as const;
export type Level = (typeof LEVELS)[number];

/** What a finding means, for `--explain`. */
export interface Explanation {
  /** The level that it usually has. */
  level: Level;
  /** One sentence, as the report has it. */
  message: string;
  /** Why it matters. */
  why: string;
  /** What to do, with the lines for a Dockerfile where there are any. */
  fix: string;
}

/** Every finding that there is, by its code. Codes are part of the report and never change their meaning. */
export const CATALOG = {
  'dev-dependency': {
    level: 'warning',
    message: 'Development dependencies are installed.',
    why: 'Nothing needs them at run time. They are often most of node_modules, are pulled with each deployment, and each is code that an attacker may use.',
    fix: 'Install only what production needs in the stage that is shipped:\n  RUN npm ci --omit=dev\nPruning in a later layer does not help: the layer below still holds the files.',
  },
  compiler: {
    level: 'warning',
    message: 'A compiler is shipped.',
    why: 'A running service compiles nothing. Compilers are large, and make it easier for an attacker to build tools in the container.',
    fix: 'Compile in a stage of its own, and begin the last stage from a small base image:\n  FROM node:26-alpine\n  COPY --from=build /app/dist ./dist',
  },
  sources: {
    level: 'warning',
    message: 'TypeScript sources are shipped beside what was compiled from them.',
    why: 'They are not run. They tell more about the service than its users need to know, and a change in them changes the image.',
    fix: 'Copy only the output of the build to the last stage:\n  COPY --from=build /app/dist ./dist',
  },
  'npm-cache': {
    level: 'warning',
    message: "A package manager's cache is left.",
    why: 'Each package is then in the image twice: unpacked in node_modules and packed in the cache.',
    fix: 'Keep the cache out of the layer:\n  RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev\nor delete it in the same RUN: npm cache clean --force',
  },
  'git-folder': {
    level: 'error',
    message: 'A .git folder is in a layer.',
    why: "It holds the project's whole history, what was deleted from it included, and sometimes credentials in .git/config. Who can pull the image can read it, also when a later layer deletes it.",
    fix: 'Keep it out of the build context: add .git to .dockerignore',
  },
  'env-file': {
    level: 'error',
    message: 'An .env file is in a layer.',
    why: 'Such files hold passwords and keys. Who can pull the image can read it, also when a later layer deletes it.',
    fix: 'Add .env* to .dockerignore, give the settings when the container is run (docker run --env-file .env), and replace the secrets that were in it.',
  },
  'credentials-file': {
    level: 'error',
    message: 'A file with credentials is in a layer.',
    why: 'Files such as .netrc, .git-credentials, .aws/credentials and .docker/config.json hold passwords and keys. Who can pull the image can read them, also when a later layer deletes them.',
    fix: 'Give the file to the one command that needs it, as a secret mount:\n  RUN --mount=type=secret,id=netrc,target=/root/.netrc …\nThen replace what was shipped.',
  },
  'npm-token': {
    level: 'error',
    message: 'An .npmrc or .yarnrc.yml with a token is in a layer.',
    why: 'Who can pull the image can install, and perhaps publish, packages in your name, also when a later layer deletes the file.',
    fix: 'Give it to the one command that needs it, as a secret mount:\n  RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci\n  docker build --secret id=npmrc,src=.npmrc .\nThen revoke the token that was shipped.',
  },
  'private-key': {
    level: 'error',
    message: 'A private key is in a layer.',
    why: 'Who can pull the image can read it, also when a later layer deletes it. Keys inside of npm packages are not counted: they are public already.',
    fix: 'For a build, use a secret or SSH mount (RUN --mount=type=ssh …); for run time, mount the key into the container. Replace the key that was shipped.',
  },
  'writable-files': {
    level: 'warning',
    message: 'The user that runs the app can write files of the image.',
    why: 'A flaw in the app then lets an attacker change the app itself. Where the app runs as root, only what every user may write is listed.',
    fix: 'Let the files belong to root: COPY without --chown, no chown -R and no chmod 777, and USER after the last COPY. Give the app a folder of its own, such as a volume, for what it writes.',
  },
  setuid: {
    level: 'warning',
    message: 'Programs run with the rights of their owner or group (setuid, setgid).',
    why: 'They are a way from the user of the app to root. The ones that a distribution brings are level info.',
    fix: 'Do not install sudo, su or their like. Distroless has no such program; --security-opt no-new-privileges takes their effect away.',
  },
  'runs-as-root': {
    level: 'warning',
    message: 'The app runs as root.',
    why: 'A flaw in the app is then a flaw with all rights in the container, and a step nearer to the host.',
    fix: 'Name a user by number before CMD; node images have one:\n  USER 1000',
  },
  'user-name': {
    level: 'warning',
    message: 'The user is given by name.',
    why: "Kubernetes' runAsNonRoot cannot tell whether a name is root, and refuses to start the container.",
    fix: 'Use the number: USER 1000 instead of USER node; distroless has 65532.',
  },
  'shell-form': {
    level: 'warning',
    message: 'A shell is process 1, because CMD or ENTRYPOINT is not a list.',
    why: 'The SIGTERM of docker stop reaches the shell, which does not pass it on: after ten seconds the app is killed in the middle of its work.',
    fix: 'Write a list: CMD ["node", "dist/index.js"]',
  },
  'npm-process': {
    level: 'warning',
    message: 'A package manager is process 1.',
    why: 'It starts a shell that starts Node: three processes, slower to start, and signals may not reach the app.',
    fix: 'Start Node itself: CMD ["node", "dist/index.js"] instead of npm start',
  },
  'no-healthcheck': {
    level: 'info',
    message: 'There is no HEALTHCHECK.',
    why: 'Docker, Compose and Swarm then only know that the process runs, not that it answers. Kubernetes has probes of its own and ignores it.',
    fix: 'Let Node ask the app, so that the image needs no curl:\n  HEALTHCHECK CMD ["node", "-e", "fetch(\'http://127.0.0.1:3000/healthz\').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]',
  },
  'secret-in-config': {
    level: 'error',
    message: 'A secret seems to be in a build argument, an environment variable or a command.',
    why: "They are stored in the image's configuration and history: docker history and docker inspect print them to anyone who can pull the image.",
    fix: 'For a build: RUN --mount=type=secret,id=token … instead of ARG. At run time: docker run --env-file, or the secrets of your platform. Replace the secret that was shipped.',
  },
} as const satisfies Record<string, Explanation>;

export type Code = keyof typeof CATALOG;
export const CODES = Object.keys(CATALOG) as [Code, ...Code[]];
