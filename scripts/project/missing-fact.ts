import { ToolError } from '../lib/errors.ts';

/** A fact that no file of the project says: an option of the command line, or on a terminal an answer, gives it. */
export class MissingFact extends ToolError {
  readonly option: 'port' | 'entry' | 'workspace';
  /** What it may be, when that is known. */
  readonly choices: string[];

  /** @param message what is not known, as a sentence. */
  constructor(
    option: MissingFact['option'],
    message: string,
    { hint, choices = [] }: { hint: string; choices?: string[] },
  ) {
    super(message, { code: 'usage', hint });
    this.option = option;
    this.choices = choices;
  }
}
