/** Reads the command line and the environment. Pure. */
import { parseArgs } from 'node:util';

/** What was asked for. */
export type Command =
  { kind: 'help' } | { kind: 'audit'; uri: string; models: string; sample?: number; json: boolean };

/** A mistake of the one who typed the command: exit code 2, and no stack. */
export class UsageError extends Error {
  override name = 'UsageError';
}

export const HELP = `Usage: mongoose-unique-guard audit --models <file> [--uri <uri>] [--json] [--sample <n>]

Compares the unique indexes that Mongoose models declare with those that the database has, and
finds the documents that block the ones that are not there. It changes nothing.

  --models <file>  CommonJS or ES module that exports the models, or registers them on mongoose; for
                   TypeScript set NODE_OPTIONS="--import tsx", or what else loads it
  --uri <uri>      connection string; default: the environment variable MONGODB_URI
  --json           the reports as a JSON array, for programs (types as in MongoDB Extended JSON)
  --sample <n>     how many blocking keys to list, and _ids for each; 0 to 1000, default 10
  --help           this text

Exit code: 0 all is as declared, 1 something is not, 2 it could not be found out.
`;

/** @throws UsageError that says what is missing or not known */
export function parseCommand(args: string[], env: Record<string, string | undefined>): Command {
  const { values, positionals } = parse(args);
  if (values.help) return { kind: 'help' };
  const [command, ...others] = positionals;
  if (command !== 'audit' || others.length > 0) {
    // Not what was typed: it may be a connection string.
    throw new UsageError(
      command === undefined
        ? 'a command is missing'
        : 'the only command is audit; what it needs is given by name: --models <file>, --uri <uri>',
    );
  }
  // An empty variable is none.
  const uri = values.uri ?? (env['MONGODB_URI'] || undefined);
  if (uri === undefined) {
    throw new UsageError('--uri is missing, and MONGODB_URI is not set in the environment');
  }
  if (values.models === undefined) throw new UsageError('--models is missing');
  const { models, json = false } = values;
  return { kind: 'audit', uri, models, json, ...parseSample(values.sample) };
}

function parse(args: string[]) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        uri: { type: 'string' },
        models: { type: 'string' },
        sample: { type: 'string' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    // The first sentence says what is wrong; the others are of a dash at the start.
    throw new UsageError((error as Error).message.split(/\. |\.?\n/)[0]);
  }
}

function parseSample(text: string | undefined): { sample?: number } {
  if (text === undefined) return {};
  const sample = Number(text);
  if (!/^\d+$/.test(text) || sample > 1000) {
    throw new UsageError('--sample must be a whole number from 0 to 1000');
  }
  return { sample };
}
