#!/usr/bin/env node
/* istanbul ignore file -- it runs in a process of its own, in cli.test.ts */
import { createRequire } from 'node:module';
import { text } from 'node:stream/consumers';
import { HELP, parseCommand, UsageError } from './parse-command';
import { redact } from './redact';
import { runAudit } from './run-audit';
import { runExplain } from './run-explain';

const BAD_USE = 2;

let uri = process.env['MONGODB_URI'];

/** A models file may call `process.exit()`, or never finish loading. Then the command has failed. */
function onEarlyExit(): void {
  process.exitCode = BAD_USE;
  process.stderr.write('mongoose-unique-guard: the process ended before the command did\n');
}

/** A models file may leave timers and connections that keep the process alive. */
function exit(stream: NodeJS.WriteStream, output: string, exitCode: number): void {
  process.off('exit', onEarlyExit);
  stream.write(output, () => process.exit(exitCode));
}

/** Prints an error without the connection string. */
function fail(error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  const hint = error instanceof UsageError ? '\nTry mongoose-unique-guard --help.' : '';
  exit(process.stderr, `mongoose-unique-guard: ${redact(message, uri)}${hint}\n`, BAD_USE);
}

// A models file may start work that fails on its own.
process.on('uncaughtException', fail);
process.on('unhandledRejection', fail);

function readVersion(): string {
  const require = createRequire(__filename);
  return (require('../../package.json') as { version: string }).version;
}

function readInput(): Promise<string> {
  if (process.stdin.isTTY) process.stderr.write('Paste the error, then press Enter and Ctrl-D.\n');
  return text(process.stdin);
}

async function main(): Promise<void> {
  const command = parseCommand(process.argv.slice(2), process.env);
  if (command.kind === 'help' || command.kind === 'version') {
    process.stdout.write(command.kind === 'help' ? HELP : `${readVersion()}\n`);
    return;
  }
  uri = command.uri ?? uri;
  // The output of the models file must not get into the report.
  globalThis.console = new console.Console(process.stderr);
  process.on('exit', onEarlyExit);
  if (command.kind === 'explain') {
    exit(process.stdout, await runExplain(command, process.cwd(), readInput), 0);
    return;
  }
  const { output, exitCode } = await runAudit(command, process.cwd(), process.stderr);
  exit(process.stdout, output, exitCode);
}

main().catch(fail);
