/** How bad a finding is, from the least to the worst. */
export const LEVELS = ['info', 'warning', 'error'] as const;
export type Level = (typeof LEVELS)[number];

/** What a finding means: its usual level, its message in the report, why it matters, and what to do. */
interface Explanation {
  level: Level;
  message: string;
  why: string;
  fix: string;
}

/** Every finding, in the report's order within a level. Codes are part of the report: their meaning never changes. */
export const CATALOG = {
  'secret-in-config': {
    level: 'error',
    message: 'A secret seems to be in a build argument, an environment variable or a command.',
    why: "They are stored in the image's configuration and history: docker history and docker inspect print them to anyone who can pull the image.",
    fix: 'For a build, use RUN --mount=type=secret,id=token … instead of ARG. At run time, use docker run --env-file or the secrets of your platform. Replace the secret that was shipped.',
  },
  'private-key': {
    level: 'error',
    message: 'A private key is in a layer.',
    why: 'Anyone who can pull the image can read it, even if a later layer deletes it. Keys in npm packages are not counted: they are already public.',
    fix: 'For a build, use a secret or SSH mount (RUN --mount=type=ssh …). At run time, mount the key into the container. Replace the key that was shipped.',
  },
  'npm-token': {
    level: 'error',
    message: 'An .npmrc or .yarnrc.yml with a token is in a layer.',
    why: 'Anyone who can pull the image can install, and perhaps publish, packages in your name, even if a later layer deletes the file.',
    fix: 'Give the file to the one command that requires it, as a secret mount:\n  RUN --mount=type=secret,id=npmrc,target=/root/.npmrc npm ci\n  docker build --secret id=npmrc,src=.npmrc .\nThen revoke the token that was shipped.',
  },
  'env-file': {
    level: 'error',
    message: 'An .env file is in a layer.',
    why: 'Such files hold passwords and keys. Anyone who can pull the image can read it, even if a later layer deletes it.',
    fix: 'Add .env* to .dockerignore, pass the settings when you run the container (docker run --env-file .env), and replace the secrets that were in the file.',
  },
  'credentials-file': {
    level: 'error',
    message: 'A file with credentials is in a layer.',
    why: 'Files such as .netrc, .git-credentials, .aws/credentials and .docker/config.json hold passwords and keys. Anyone who can pull the image can read them, even if a later layer deletes them.',
    fix: 'Give the file to the one command that requires it, as a secret mount:\n  RUN --mount=type=secret,id=netrc,target=/root/.netrc …\nThen replace the credentials that were shipped.',
  },
  'git-folder': {
    level: 'error',
    message: 'A .git directory is in a layer.',
    why: "It holds the project's whole history, including deleted files, and sometimes credentials in .git/config. Anyone who can pull the image can read it, even if a later layer deletes it.",
    fix: 'Keep it out of the build context: add .git to .dockerignore.',
  },
  'runs-as-root': {
    level: 'warning',
    message: 'The app runs as root.',
    why: 'A flaw in the app then gives an attacker root in the container, one step closer to the host.',
    fix: 'Set a user by number before CMD; the node images have one:\n  USER 1000',
  },
  'user-name': {
    level: 'warning',
    message: 'The user is given by name.',
    why: "Kubernetes' runAsNonRoot cannot check whether a name is root, and refuses to start the container.",
    fix: 'Use the number: USER 1000 instead of USER node; distroless has 65532.',
  },
  'writable-files': {
    level: 'warning',
    message: 'The user that runs the app can write files of the image.',
    why: 'A flaw in the app then lets an attacker change the app itself. Where the app runs as root, only files that every user may write are listed.',
    fix: 'Leave the files to root: use COPY without --chown, no chown -R and no chmod 777, and USER after the last COPY. Give the app its own directory, such as a volume, for the files that it writes.',
  },
  setuid: {
    level: 'warning',
    message: 'Programs run with the rights of their owner or group (setuid, setgid).',
    why: "They are a way from the app's user to root. Those that come with the distribution have the level info.",
    fix: 'Do not install sudo, su or similar programs. Distroless has no such program; --security-opt no-new-privileges disables their effect.',
  },
  'dev-dependency': {
    level: 'warning',
    message: 'Development dependencies are installed.',
    why: 'Nothing requires them at run time. They are often most of node_modules, are downloaded with each deployment, and each is code that an attacker may use.',
    fix: 'Install only production dependencies in the stage that you ship:\n  RUN npm ci --omit=dev\nPruning in a later layer does not help: the layer below still holds the files.',
  },
  compiler: {
    level: 'warning',
    message: 'A compiler is shipped.',
    why: 'A running service compiles nothing. Compilers are large, and make it easier for an attacker to build tools in the container.',
    fix: 'Compile in a separate stage, and start the last stage from a small base image:\n  FROM node:26-alpine\n  COPY --from=builder /app/dist ./dist',
  },
  sources: {
    level: 'warning',
    message: 'TypeScript source code is shipped in addition to the compiled files.',
    why: 'It is not run. It reveals more about the service than its users need to know, and a change in it changes the image.',
    fix: 'Copy only the output of the build to the last stage:\n  COPY --from=builder /app/dist ./dist',
  },
  'npm-cache': {
    level: 'warning',
    message: "A package manager's cache is in the image.",
    why: 'Each package is then in the image twice: unpacked in node_modules and packed in the cache.',
    fix: 'Keep the cache out of the layer:\n  RUN --mount=type=cache,target=/root/.npm npm ci --omit=dev\nor delete it in the same RUN: rm -rf /root/.npm',
  },
  'shell-form': {
    level: 'warning',
    message: 'A shell is PID 1, because CMD or ENTRYPOINT is in shell form.',
    why: 'docker stop sends SIGTERM to the shell, which does not forward it: after ten seconds, the app is killed in the middle of its work.',
    fix: 'Use the exec form: CMD ["node", "dist/index.js"]',
  },
  'npm-process': {
    level: 'warning',
    message: 'A package manager is PID 1.',
    why: 'It starts a shell that starts Node: three processes, a slower start, and signals may not reach the app.',
    fix: 'Start Node directly: CMD ["node", "dist/index.js"] instead of npm start',
  },
  'no-healthcheck': {
    level: 'info',
    message: 'There is no HEALTHCHECK.',
    why: 'Docker, Compose and Swarm then only know that the process runs, not that it responds. Kubernetes has its own probes and ignores HEALTHCHECK.',
    fix: 'Let Node send the request, so that the image requires no curl:\n  HEALTHCHECK CMD ["node", "-e", "fetch(\'http://127.0.0.1:3000/healthz\').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]',
  },
} as const satisfies Record<string, Explanation>;

export type Code = keyof typeof CATALOG;
export const CODES = Object.keys(CATALOG) as [Code, ...Code[]];
