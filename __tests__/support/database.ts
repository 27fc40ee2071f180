import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { Mongoose, type ConnectOptions } from 'mongoose';

/** The server's connection string for a database that no other test file uses. */
export function testUri(database = databaseName()): string {
  const uri = process.env['TEST_MONGODB_URI'];
  if (uri === undefined)
    throw new Error('The embedded MongoDB is not running: run the tests by jest');
  const url = new URL(uri);
  url.pathname = `/${database}`;
  return url.href;
}

function databaseName(): string {
  const file = path.basename(expect.getState().testPath ?? 'test', '.test.ts');
  return `${file.replace(/[^a-z0-9]+/gi, '_')}_${randomUUID().slice(0, 8)}`;
}

/** A Mongoose of the test file's own, connected to a database of its own; both go after the tests. */
export function useDatabase(options: ConnectOptions = {}): Mongoose {
  const mongoose = new Mongoose();
  mongoose.set('autoIndex', false);
  beforeAll(() => mongoose.connect(testUri(), options));
  afterAll(() => dropAndDisconnect(mongoose));
  return mongoose;
}

/** Runs a test with one more Mongoose, connected to one more database; both go whatever happens. */
export async function withMongoose<
  M extends Pick<Mongoose, 'connect' | 'connection' | 'disconnect'>,
>(mongoose: M, test: (mongoose: M) => Promise<void>): Promise<void> {
  await mongoose.connect(testUri());
  try {
    await test(mongoose);
  } finally {
    await dropAndDisconnect(mongoose);
  }
}

async function dropAndDisconnect(
  mongoose: Pick<Mongoose, 'connection' | 'disconnect'>,
): Promise<void> {
  await mongoose.connection.dropDatabase();
  await mongoose.disconnect();
}
