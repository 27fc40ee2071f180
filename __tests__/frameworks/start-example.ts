import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { run, runTool, root } from '../package/run';
import { testUri } from '../support/database';

export interface Answer {
  status: number;
  type: string | null;
  // What a test expects of it, it says itself.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  body: any;
}

export type Ask = (method: string, path: string, body?: unknown) => Promise<Answer>;

/**
 * Installs an example, lints it, and starts it by its README's command on a port and a database of its
 * own; the returned function sends it a JSON request.
 */
export function useExample(name: string): Ask {
  const cwd = path.join(root, 'examples', name);
  let url = '';
  let stop: () => Promise<unknown> = () => Promise.resolve();

  beforeAll(async () => {
    await run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { cwd });
    const child = spawn('npm', ['start'], {
      cwd,
      env: { ...process.env, MONGODB_URI: testUri(), PORT: '0' },
      stdio: ['ignore', 'pipe', 'inherit'],
      // npm, tsc and node end together.
      detached: true,
    });
    const exited = once(child, 'exit');
    stop = () => {
      if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid);
      return exited;
    };
    const printed: string[] = [];
    for await (const line of createInterface(child.stdout)) {
      printed.push(line);
      url = /^Listening: (.*)$/.exec(line)?.[1] ?? '';
      if (url !== '') return;
    }
    throw new Error(`examples/${name} did not start:\n${printed.join('\n')}`);
  });
  afterAll(() => stop());

  it('has nothing that the linter reports', async () => {
    const files = `examples/${name}/*.ts`;
    expect(await runTool('eslint', ['--no-ignore', files])).toBe('');
  });

  return async (method, to, body) => {
    const response = await fetch(new URL(to, url), {
      method,
      headers: { 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    const type = response.headers.get('content-type');
    return { status: response.status, type, body: text === '' ? undefined : JSON.parse(text) };
  };
}

/** What a client gets for one duplicate path. */
export const conflict = (path: string, message: string, instance?: string) => ({
  type: 'about:blank',
  title: 'Conflict',
  status: 409,
  detail: message,
  ...(instance !== undefined && { instance }),
  errors: [{ detail: message, pointer: `#/${path}`, kind: 'unique' }],
});
