import { type Command, Option } from 'commander';
import { z } from 'zod';
import { usageError } from './errors.ts';

/** The options of schemas, apart from them, so that flags do not get into JSON Schemas. */
const OPTIONS = new WeakMap<z.ZodType, Option>();

/** Options of ours that are settings of npm or of node-gyp as well. */
const NPM_SETTINGS = new Set(['target', 'platform']);

const HELP_OF_TYPE: Record<string, string> = {
  array: ' (may be repeated)',
  object: ' (NAME alone has the value of the environment; may be repeated)',
};

/**
 * A schema that is also an option of the command line. `flag` is in commander's form, such as `--port <port>`. An error
 * begins with the name of the option: the messages of the schema continue it, such as "expects a whole number".
 */
export function option<T extends z.ZodType>(flag: string, help: string, schema: T): T {
  const added = new Option(flag, `${help}${HELP_OF_TYPE[typeOf(schema)] ?? ''}`);
  const described = schema.describe(added.negate ? `false: ${help}` : help);
  OPTIONS.set(described, added);
  return described;
}

/** Makes a command throw a ToolError for wrong use, instead of printing it and exiting. After --help it exits with 0. */
export function throwUsageErrors(command: Command, hint: string): Command {
  return command.configureOutput({ outputError: () => {} }).exitOverride(({ exitCode, message }) => {
    if (exitCode !== 0) throw usageError(message.replace(/^error: /, ''), hint);
  });
}

/** Adds options to a command, which checks each value with its schema. `table` has schemas that {@link option} made. */
export function addOptions(command: Command, table: Record<string, z.ZodType>): void {
  for (const [key, schema] of Object.entries(table)) {
    const added = OPTIONS.get(schema);
    if (!added) continue;
    // The command has the value under the key of the table, such as `images` for --image.
    added.attributeName = () => key;
    // Commander would keep the group of another command that has the same option.
    added.helpGroupHeading = undefined;
    const parse = (text: string, previous: unknown) => {
      const parsed = schema.safeParse(convert(typeOf(schema), text, previous));
      if (parsed.success) return parsed.data;
      return command.error(`${added.long} ${parsed.error.issues[0]?.message}`);
    };
    command.addOption(added.required || added.optional ? added.argParser(parse) : added);
  }
}

/**
 * Refuses options before `--`, which npm takes as its own and leaves in the environment. `target`, `platform` and others may
 * also be there because users have them in their npm settings, for node-gyp and others; `--no-run` leaves nothing.
 *
 * @param script the npm script that the program is.
 */
export function refuseSwallowedOptions(command: Command, script: string): void {
  if (process.env.npm_lifecycle_event !== script) return;
  const names = command.options.filter(({ negate }) => !negate).map((one) => one.name());
  const name = names.find((one) => !NPM_SETTINGS.has(one) && process.env[`npm_config_${one.replaceAll('-', '_')}`]);
  if (name === undefined) return;
  command.error(`npm took --${name} for itself. Options come after two dashes: npm run ${script} -- --${name}`);
}

/** The values of a table's options that the command line has, and the defaults of the schemas. */
export function readOptionValues<T extends Record<string, z.ZodType>>(command: Command, table: T) {
  const typed = Object.keys(table).filter((key) => command.getOptionValueSource(key) === 'cli');
  return z.object(table).parse(Object.fromEntries(typed.map((key) => [key, command.getOptionValue(key)])));
}

/** The type of a schema in JSON Schema, such as `integer`. A union has none. */
const typeOf = (schema: z.ZodType) => String(z.toJSONSchema(schema, { io: 'input' }).type);

/** The value that a text stands for. A text that is not understood stays as it is: the schema refuses it. */
function convert(type: string, text: string, previous: unknown): unknown {
  if (type === 'integer') return /^\d+$/.test(text) ? Number(text) : text;
  if (type === 'array') return [...new Set([previous ?? [], text].flat())];
  if (type !== 'object') return text;
  const [, name = text, value = process.env[name]] = /^(.*?)=(.*)$/s.exec(text) ?? [];
  return { ...(previous as object | undefined), [name]: value };
}
