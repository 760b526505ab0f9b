import { HIDDEN } from './redact.ts';

/** Values that say nothing by themselves. Without them, a figure such as a port would be hidden everywhere. */
const ORDINARY =
  /^(?:.{0,3}|\d{1,5}|true|false|null|none|auto|production|development|staging|testing|debug|info|warn|warning|error|trace|silent|localhost|utf-?8)$/i;
/** A shorter value is only hidden where it is a word by itself. */
const WORD_LENGTH = 8;

const hidden = new Set<string>();
let hiddenPattern: RegExp | undefined;

/**
 * From now on, {@link hide} hides these exact values, also in the forms in which JSON, addresses and HTTP headers have them.
 * Values of up to three characters, numbers of up to five digits and words such as `production` are not hidden.
 */
export function addHiddenValues(values: string[]): void {
  for (const value of values) {
    if (ORDINARY.test(value)) continue;
    const encoded = [
      JSON.stringify(value).slice(1, -1),
      encodeURIComponent(value),
      Buffer.from(value).toString('base64'),
    ];
    for (const form of [value, ...encoded]) hidden.add(form);
  }
  // The longest first: a value may be part of another one.
  const forms = [...hidden].sort((a, b) => b.length - a.length);
  const patterns = forms.map((form) => {
    const literal = form.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    return form.length < WORD_LENGTH ? `(?<!\\w)${literal}(?!\\w)` : literal;
  });
  if (patterns.length > 0) hiddenPattern = new RegExp(patterns.join('|'), 'g');
}

/** A text without the exact values of {@link addHiddenValues}. */
export const hide = (text: string) => (hiddenPattern ? text.replace(hiddenPattern, HIDDEN) : text);
