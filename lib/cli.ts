#!/usr/bin/env node
import { HELP, parseCommand, UsageError } from './cli/parse-command';
import { redact } from './cli/redact';
import { runAudit } from './cli/run-audit';

const BAD_USE = 2;

let uri = process.env['MONGODB_URI'];

/** Nothing is printed that may hold the connection string, whoever threw it. */
function fail(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  const hint = error instanceof UsageError ? '\nTry mongoose-unique-guard --help.' : '';
  process.stderr.write(`mongoose-unique-guard: ${redact(text, uri)}${hint}\n`, () =>
    process.exit(BAD_USE),
  );
}

// A models file may start things that fail on their own.
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

async function main(): Promise<void> {
  const command = parseCommand(process.argv.slice(2), process.env);
  if (command.kind === 'help') {
    process.stdout.write(HELP);
    return;
  }
  ({ uri } = command);
  // What the models file says must not get into the report.
  globalThis.console = new console.Console(process.stderr);
  const { output, exitCode } = await runAudit(command, process.cwd(), process.stderr);
  // A models file may leave timers and connections that would keep the process.
  process.stdout.write(output, () => process.exit(exitCode));
}

main().catch(fail);
