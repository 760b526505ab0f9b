import { HIDDEN } from './redact.ts';

/** Values that say nothing by themselves. Without them, a figure such as a port would be hidden everywhere. */
const ORDINARY =
  /^(?:.{0,3}|\d{1,5}|true|false|null|none|auto|production|development|staging|testing|debug|info|warn|warning|error|trace|silent|localhost|utf-?8)$/i;
/** A shorter value is only hidden where it is a word by itself. */
const WORD_LENGTH = 8;

const hidden = new Set<string>();
let patterns: (string | RegExp)[] = [];

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
  // One by one: a regular expression of all of them may be too large.
  patterns = forms.map((form) => {
    if (form.length >= WORD_LENGTH) return form;
    return new RegExp(`(?<!\\w)${form.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}(?!\\w)`, 'g');
  });
}

/** A text without the exact values of {@link addHiddenValues}. */
export const hide = (text: string) =>
  patterns.reduce<string>((rest, pattern) => rest.replaceAll(pattern, HIDDEN), text);
