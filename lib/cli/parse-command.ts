/** Reads the command line and the environment. Pure. */
import { parseArgs } from 'node:util';
import { show } from '../options/show';
import { findNearest } from '../options/nearest';

/** The parsed command line. */
export type Command =
  | { kind: 'help' }
  | { kind: 'version' }
  | {
      kind: 'audit';
      uri: string;
      models: string;
      sample?: number;
      json: boolean;
      strict: boolean;
    }
  | { kind: 'explain'; text: string | undefined; models: string; uri: string | undefined };

/** An error that is printed without its stack, with exit code 2. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export const HELP = `Usage: mongoose-unique-guard audit --models <file> [--uri <uri>] [--json] [--sample <n>] [--strict]
       mongoose-unique-guard explain [<message>] --models <file> [--uri <uri>]

audit compares the unique indexes that Mongoose models declare with those of the database, and finds
the documents that block missing indexes. explain reads an error message (E11000, or the failed build
of an index) from <message> or standard input, such as a log. It prints why the first such error
happened, and what fixes it. Neither command changes anything.

  --models <file>  required. CommonJS or ES module that exports the models, or registers them on
                   mongoose; for TypeScript set NODE_OPTIONS="--import tsx", or another loader
  --uri <uri>      connection string. Required by audit; default: the environment variable MONGODB_URI.
                   Optional for explain, to read the paths of the index from the database
  --json           prints the reports as a JSON array, with types as in MongoDB Extended JSON
  --sample <n>     how many blocking keys to list, and _ids for each; 0 to 1000, default 10
  --strict         exit code 1 also for leftover indexes
  --help           prints this help
  --version        prints the version of mongoose-unique-guard

Exit code of audit: 0 if all indexes are as declared, 1 if an index is not, 2 if the audit failed. Of
explain: 0, or 2 if the input has no such error, or names a collection of no model.
`;

const COMMANDS = ['audit', 'explain'];

const MODELS_MISSING =
  '--models is missing; write --models <file>, the file that exports the models';

const OPTIONS = {
  uri: { type: 'string' },
  models: { type: 'string' },
  sample: { type: 'string' },
  json: { type: 'boolean' },
  strict: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  version: { type: 'boolean' },
} as const;

/** @throws UsageError that says what is missing or unknown */
export function parseCommand(args: string[], env: Record<string, string | undefined>): Command {
  const { values, positionals } = parse(args);
  const [command, ...others] = positionals;
  if (values.help || command === 'help') return { kind: 'help' };
  if (values.version) return { kind: 'version' };
  if (command === undefined) throw new UsageError('a command is missing; write audit or explain');
  if (!COMMANDS.includes(command)) throw new UsageError(describeUnknown(command));
  const { models, json = false, strict = false } = values;
  if (command === 'explain') {
    const unused = (['json', 'sample', 'strict'] as const).find((name) => name in values);
    if (unused !== undefined)
      throw new UsageError(`explain has no option --${unused}; allowed are --models and --uri`);
    if (others.length > 1)
      throw new UsageError('explain takes one error message; put it in quotes');
    if (models === undefined) throw new UsageError(MODELS_MISSING);
    return { kind: 'explain', text: others[0], models, uri: values.uri };
  }
  if (others.length > 0) {
    // The argument is not printed: it may be a connection string.
    throw new UsageError('audit takes options only: --models <file>, --uri <uri>');
  }
  // An empty variable counts as unset.
  const uri = values.uri ?? (env['MONGODB_URI'] || undefined);
  if (uri === undefined) {
    throw new UsageError(
      '--uri is missing, and MONGODB_URI is not set; write --uri <connection string>, or set MONGODB_URI',
    );
  }
  if (models === undefined) throw new UsageError(MODELS_MISSING);
  return { kind: 'audit', uri, models, json, strict, ...parseSample(values.sample) };
}

/** The argument is not printed: it may be a connection string. */
function describeUnknown(command: string): string {
  const nearest = findNearest(command, COMMANDS);
  return nearest === undefined
    ? 'unknown command; the commands are audit and explain, and everything else is an option, such as --models <file>'
    : `unknown command; did you mean ${nearest}?`;
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, allowPositionals: true, options: OPTIONS });
  } catch (error) {
    // The first sentence names the mistake; the others explain a value that begins with a dash.
    const message = (error as Error).message.replace(/(\. |\.?\n)[^]*/, '');
    const [, unknown = ''] = /^Unknown option '--?(.+)'/.exec(message) ?? [];
    const nearest = findNearest(unknown, Object.keys(OPTIONS));
    throw new UsageError(
      nearest === undefined ? message : `${message}; did you mean --${nearest}?`,
    );
  }
}

function parseSample(given: string | undefined): { sample?: number } {
  if (given === undefined) return {};
  const sample = Number(given);
  if (!/^\d+$/.test(given) || sample > 1000) {
    throw new UsageError(`--sample is ${show(given)}; it must be a whole number from 0 to 1000`);
  }
  return { sample };
}
