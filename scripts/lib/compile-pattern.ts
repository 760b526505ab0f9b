/** A state of the nondeterministic automaton of a pattern. Distances are to other states: 1 is the next one, 0 the same. */
interface PatternState {
  /** Where a character leads; nowhere when the state does not accept it. */
  transitions(character: string): number[];
  /** Which states are open without a character as well. */
  emptyTransitions: number[];
}

const acceptOne = (accepts: (character: string) => boolean): PatternState => ({
  transitions: (character) => (accepts(character) ? [1] : []),
  emptyTransitions: [],
});
const STAR: PatternState = { transitions: (character) => (character === '/' ? [] : [0]), emptyTransitions: [1] };
/** `**` at the end of a pattern. */
const REST: PatternState = { transitions: () => [0], emptyTransitions: [1] };
/** `**` and a slash: nothing, or everything up to any slash. */
const DIRECTORIES: PatternState[] = [
  { transitions: () => [], emptyTransitions: [1, 2] },
  { transitions: (character) => (character === '/' ? [0, 1] : [0]), emptyTransitions: [] },
];

/** The states that are open at some point of a path. What each character leads to is kept. */
interface StateSet {
  open: Set<number>;
  next: Map<string, StateSet>;
}

/** More states are not kept. Only patterns that nobody writes have as many. */
const MAX_STATES = 1000;

/**
 * Compiles a pattern of an ignore file into a function that says whether a whole path matches it.
 *
 * The rules are those of Docker (https://pkg.go.dev/github.com/moby/patternmatcher): `*` and `?` stop at a slash, `**` does
 * not, `[a-z]` is a set, and a backslash makes the next character literal. All ways to read a pattern are followed at the
 * same time, so the time grows with the length of the path and not faster. A regular expression would try one way after the
 * other, for ever with a pattern such as `*x*x*x*x*x*y`.
 */
export function compilePattern(pattern: string): (path: string) => boolean {
  const patternStates = parsePattern(pattern);
  const states = new Map<string, StateSet>();
  const toState = (indexes: Iterable<number>): StateSet => {
    const open = new Set(indexes);
    // A set yields what is added while it is walked through.
    for (const index of open)
      for (const distance of patternStates[index]?.emptyTransitions ?? []) open.add(index + distance);
    const key = [...open].join();
    const state = states.get(key) ?? { open, next: new Map() };
    if (states.size < MAX_STATES) states.set(key, state);
    return state;
  };
  const step = ({ open, next }: StateSet, character: string): StateSet => {
    const targets = (index: number) =>
      (patternStates[index]?.transitions(character) ?? []).map((distance) => index + distance);
    const state = toState([...open].flatMap(targets));
    if (states.size < MAX_STATES) next.set(character, state);
    return state;
  };
  const first = toState([0]);
  return (path) => {
    let state = first;
    for (const character of path) {
      state = state.next.get(character) ?? step(state, character);
      if (state.open.size === 0) return false;
    }
    return state.open.has(patternStates.length);
  };
}

function parsePattern(pattern: string): PatternState[] {
  // Two stars and the slash after them, a star, a question mark, a set, an escaped character, any other character.
  return [...pattern.matchAll(/\*\*\/?|\*|\?|\[\^?\]?(?:\\.|[^\]\\])*\]|\\(.)|./gsu)].flatMap(
    ([text, escaped], index, all) => {
      if (text.startsWith('**')) return index === all.length - 1 ? REST : DIRECTORIES;
      if (text === '*') return STAR;
      if (text === '?') return acceptOne((character) => character !== '/');
      if (text.length > 1 && text.startsWith('[')) return acceptOne(readSet(text));
      return acceptOne((character) => character === (escaped ?? text));
    },
  );
}

/** Docker refuses a set that it cannot read. It accepts nothing here. */
function readSet(text: string): (character: string) => boolean {
  try {
    const set = new RegExp(`^${text.replace(/^\[\^?\]/, (start) => start.replace(']', '\\]'))}$`, 'u');
    return (character) => set.test(character);
  } catch {
    return () => false;
  }
}
