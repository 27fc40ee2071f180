import { execFile } from 'node:child_process';
import path from 'node:path';

export const root = path.resolve(__dirname, '../..');

export interface RunOptions {
  cwd?: string;
  env?: Record<string, string>;
}

/** What the program prints; where it fails, an error with all that it said. */
export function run(program: string, args: string[], options: RunOptions = {}): Promise<string> {
  const { cwd = root, env = {} } = options;
  return new Promise((resolve, reject) => {
    execFile(
      program,
      args,
      { cwd, env: { ...process.env, ...env }, timeout: 110_000, maxBuffer: 2 ** 24 },
      (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else
          reject(
            new Error(
              `${program} ${args.join(' ')}\n${stdout}${stderr}exit: ${String(error.code ?? error.signal)}`,
            ),
          );
      },
    );
  });
}

/** A tool from the repository's own devDependencies. */
export const runTool = (tool: string, args: string[], options?: RunOptions): Promise<string> =>
  run(path.join(root, 'node_modules/.bin', tool), args, options);
