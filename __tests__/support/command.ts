/** The command line as a user runs it: a compiled file in a process of its own. */
import { spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type typescript from 'typescript';

const root = path.resolve(__dirname, '../..');

export interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** What is said of a model User with a unique email whose index was not built. */
export const EMAIL_IS_MISSING = [
  'User (collection users)',
  '  email_1  { email: 1 }  missing',
  '      Next: await User.createIndexes().',
  '',
  '1 of 1 unique index not as declared.',
  '',
].join('\n');

export interface Workplace {
  directory: string;
  /** Writes a file of the user's and returns its name. */
  write: (name: string, text: string) => string;
  run: (args: string[], options?: RunOptions) => Promise<Outcome>;
}

interface RunOptions {
  env?: Record<string, string>;
  nodeArgs?: string[];
  cwd?: string;
  /** What arrives on standard input. */
  input?: string;
}

/** A directory with `lib` as the package has it, and the Mongoose that this test run is for. */
export function makeWorkplace(): Workplace {
  const directory = mkdtempSync(path.join(tmpdir(), 'command-'));
  const dist = path.join(directory, 'package/dist');
  writeCompiledLib(dist);
  const modules = path.join(directory, 'app/node_modules');
  mkdirSync(modules, { recursive: true });
  symlinkSync(path.dirname(require.resolve('mongoose')), path.join(modules, 'mongoose'));
  symlinkSync(path.join(directory, 'package'), path.join(modules, 'mongoose-unique-guard'));
  writeFileSync(
    path.join(directory, 'package/package.json'),
    '{ "main": "./dist/index.js", "version": "1.2.3" }',
  );
  const app = path.join(directory, 'app');
  return {
    directory,
    write: (name, text) => {
      writeFileSync(path.join(app, name), text);
      return name;
    },
    run: (args, { env = {}, nodeArgs = [], cwd = app, input = '' } = {}) =>
      run([...nodeArgs, path.join(dist, 'cli/main.js'), ...args], env, cwd, input),
  };
}

/** Compiled by the first that asks, in a run of more than one test file. */
function writeCompiledLib(dist: string): void {
  const compiled = process.env['TEST_COMPILED_LIB'];
  if (compiled === undefined) {
    compileLib(dist);
    return;
  }
  if (!existsSync(compiled)) {
    const own = `${compiled}-${String(process.pid)}`;
    compileLib(own);
    try {
      renameSync(own, compiled);
    } catch {
      // Another worker was first.
      rmSync(own, { recursive: true });
    }
  }
  cpSync(compiled, dist, { recursive: true });
}

function compileLib(dist: string): void {
  // Loaded only here, since that takes most of a second.
  const ts = jest.requireActual<typeof typescript>('typescript');
  const lib = path.join(root, 'lib');
  for (const file of readdirSync(lib, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.ts')) continue;
    const { outputText } = ts.transpileModule(readFileSync(path.join(lib, file), 'utf8'), {
      fileName: path.join(lib, file),
      compilerOptions: { module: ts.ModuleKind.Node16, target: ts.ScriptTarget.ES2022 },
    });
    const target = path.join(dist, file.replace(/\.ts$/, '.js'));
    mkdirSync(path.dirname(target), { recursive: true });
    writeFileSync(target, outputText);
  }
}

function run(
  args: string[],
  env: Record<string, string>,
  cwd: string,
  input: string,
): Promise<Outcome> {
  const { PATH = '' } = process.env;
  const child = spawn(process.execPath, args, { cwd, env: { PATH, ...env }, timeout: 30_000 });
  child.stdin.on('error', () => undefined).end(input);
  const read = { stdout: '', stderr: '' };
  child.stdout.on('data', (part: Buffer) => (read.stdout += part.toString()));
  child.stderr.on('data', (part: Buffer) => (read.stderr += part.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      resolve({ code, ...read });
    });
  });
}
