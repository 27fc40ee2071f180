#!/usr/bin/env node
/* istanbul ignore file -- it is a process of its own, and cli.test.ts runs it as one */
import { HELP, parseCommand, UsageError } from './parse-command';
import { redact } from './redact';
import { runAudit } from './run-audit';

const BAD_USE = 2;

let uri = process.env['MONGODB_URI'];

/** A models file may call `process.exit()`, or wait for what never comes: no report is no good news. */
function onEarlyExit(): void {
  process.exitCode = BAD_USE;
  process.stderr.write('mongoose-unique-guard: the process ended before the audit did\n');
}

/** A models file may leave timers and connections that would keep the process. */
function exit(stream: NodeJS.WriteStream, text: string, exitCode: number): void {
  process.off('exit', onEarlyExit);
  stream.write(text, () => process.exit(exitCode));
}

/** Nothing is printed that may hold the connection string, whoever threw it. */
function fail(error: unknown): void {
  const text = error instanceof Error ? error.message : String(error);
  const hint = error instanceof UsageError ? '\nTry mongoose-unique-guard --help.' : '';
  exit(process.stderr, `mongoose-unique-guard: ${redact(text, uri)}${hint}\n`, BAD_USE);
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
  process.on('exit', onEarlyExit);
  const { output, exitCode } = await runAudit(command, process.cwd(), process.stderr);
  exit(process.stdout, output, exitCode);
}

main().catch(fail);
