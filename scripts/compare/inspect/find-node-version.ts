/** Node's program under its usual names, and the library that Debian's package of Node has it in. */
const NODE_FILE = /(^|\/)(node|nodejs|libnode\.so(\.\d+)*)$/;

/** Node names itself and its version so to a debugger. Scanners look for this text as well; `strip` does not remove it. */
const MARK = Buffer.from('node.js/v');
const VERSION = /^node\.js\/v(\d{1,3}\.\d{1,4}\.\d{1,4}(?:-[a-z][\w.-]{0,79})?)/;
/** The longest text that VERSION matches, and the character after it. In bytes. */
const MAX_LENGTH = MARK.length + 3 + 1 + 4 + 1 + 4 + 1 + 80 + 1;

/** Finds Node's version in the content of a file, chunk by chunk. */
export interface NodeVersionFinder {
  write(chunk: Buffer): void;
  /** The version, such as `26.12.1`, once all chunks were written. */
  end(): string | undefined;
}

/** The finder for a file, or undefined for a file that is not Node by its name. */
export function createNodeVersionFinder(path: string): NodeVersionFinder | undefined {
  if (!NODE_FILE.test(path)) return undefined;
  let version: string | undefined;
  /** The end of the content so far, which may be the beginning of what is looked for. */
  let rest: Buffer = Buffer.alloc(0);
  const readVersion = (text: Buffer) => VERSION.exec(text.toString('latin1', 0, MAX_LENGTH))?.[1];
  return {
    write(chunk) {
      if (version !== undefined) return;
      const content = Buffer.concat([rest, chunk]);
      let at = content.indexOf(MARK);
      // What may go on in the next chunk is read again with it.
      while (at !== -1 && at + MAX_LENGTH <= content.length && version === undefined) {
        version = readVersion(content.subarray(at));
        at = content.indexOf(MARK, at + 1);
      }
      rest = content.subarray(at === -1 ? Math.max(0, content.length - MARK.length) : at);
    },
    end: () => version ?? readVersion(rest),
  };
}
