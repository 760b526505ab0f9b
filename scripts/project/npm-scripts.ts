/** The scripts that an installation runs: https://docs.npmjs.com/cli/v11/using-npm/scripts#life-cycle-operation-order */
export const LIFECYCLE = ['preinstall', 'install', 'postinstall', 'prepublish', 'preprepare', 'prepare', 'postprepare'];

/** The commands of scripts, one by one. What they call by `npm run` is followed, but not a build, which runs anyway. */
export function splitScripts(scripts: Record<string, string>, names: string[]): string[] {
  const all = new Set(names);
  const commands: string[] = [];
  for (const name of all) {
    for (const command of (scripts[name] ?? '').split(/&&|\|\||;|\n/).map((part) => part.replace(/^[\s(]+/, ''))) {
      const isCall = /^(npm run|npm-run-all|pnpm|yarn|run-s|run-p)\b/.test(command);
      const called = isCall ? command.split(/\s+/).filter((word) => Object.hasOwn(scripts, word)) : [];
      for (const one of called) if (!/^(build|lint|test)/.test(one)) all.add(one);
      if (called.length === 0 && command !== '') commands.push(command);
    }
  }
  return commands;
}

/** The words of the script `dev`, if it is one program for development that starts the app again after each edit. */
export function findDevCommand({ dev = '' }: Record<string, string>): string[] | null {
  const words = dev.split(' ');
  const isKnown = /^(tsx|nodemon|ts-node-dev)( |$)/.test(dev) && words.every((word) => /^[\w./@=-]+$/.test(word));
  return isKnown ? [`node_modules/.bin/${words[0]}`, ...words.slice(1)] : null;
}
