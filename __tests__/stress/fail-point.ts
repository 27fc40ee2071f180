import type { Connection } from 'mongoose';

/** What the server is told to do wrong, and how often. */
export interface FailPoint {
  name: 'failCommand' | 'onPrimaryTransactionalWrite' | 'hangBeforeUpsertPerformsInsert';
  mode: 'alwaysOn' | { times: number } | { skip: number };
  data?: object;
}

interface Answer {
  /** How often the point was hit since the server started. */
  count: number;
}

/**
 * Runs `run` while the point is set: what came of it, and how many commands the server failed.
 * `run` can wait until a command stands at the point, and open it.
 */
export async function withFailPoint<T>(
  admin: Connection,
  { name, mode, data = {} }: FailPoint,
  run: (point: { wait: () => Promise<unknown>; open: () => Promise<unknown> }) => Promise<T>,
): Promise<PromiseSettledResult<T> & { hits: number }> {
  const { db: database } = admin.useDb('admin');
  const send = (command: object) => database?.command(command) as unknown as Promise<Answer>;
  const open = () => send({ configureFailPoint: name, mode: 'off' });
  const before = await send({ configureFailPoint: name, mode, data });
  const wait = () =>
    send({ waitForFailPoint: name, timesEntered: before.count + 1, maxTimeMS: 10_000 });
  const [settled] = await Promise.allSettled([run({ wait, open })]);
  const after = await open();
  return { ...settled, hits: after.count - before.count };
}
