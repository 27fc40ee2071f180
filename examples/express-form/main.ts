import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import mongoose from 'mongoose';
import { explainUniqueIndexError, type AnyModel } from 'mongoose-unique-guard';
import type * as EmbeddedMongoDB from '../embedded-mongodb';
import { createApp } from './app';
import { createModels } from './models';
import { createServices } from './services';
import { findStopSignal } from './stop-signal';
import { createTour } from './tour/routes';

/** What to close in the end; the last one opened goes first. */
const closers: (() => Promise<unknown>)[] = [];

async function main(): Promise<void> {
  const stop = findStopSignal();
  try {
    await start(stop);
    if (!stop.aborted) await once(stop, 'abort');
  } catch (error) {
    if (!stop.aborted) {
      console.error(toText(error));
      process.exitCode = 1;
    }
  }
  for (const close of closers.reverse()) {
    await close().catch((error: unknown) => {
      console.error(toText(error));
      process.exitCode = 1;
    });
  }
}

async function start(stop: AbortSignal): Promise<void> {
  const given = process.env['MONGODB_URI'];
  const uri = given || (await startMongoDB());
  stop.throwIfAborted();
  closers.push(() => mongoose.disconnect());
  await mongoose.connect(uri, { serverSelectionTimeoutMS: 10_000 });
  const models = createModels(mongoose.connection);
  const tour = createTour(mongoose.connection, { isOwnData: !given });
  // Until its unique index is there, a collection takes duplicates.
  await Promise.all([models, tour.models].flatMap<AnyModel>(Object.values).map(buildIndexes));
  stop.throwIfAborted();

  const server = createServer(createApp(createServices(models), tour));
  server.listen(Number(process.env['PORT'] || 3000), '127.0.0.1');
  await once(server, 'listening');
  closers.push(() => closeServer(server));
  const { port } = server.address() as AddressInfo;
  console.log(`Tour: http://localhost:${port}/`);
}

/** Where duplicates are stored already, the server's E11000 would name no document that is to blame. */
async function buildIndexes(model: AnyModel): Promise<void> {
  try {
    await model.init();
  } catch (error) {
    const reason = explainUniqueIndexError(error, model);
    throw reason === undefined ? error : new Error(reason, { cause: error });
  }
}

async function startMongoDB(): Promise<string> {
  console.log('Starting an embedded MongoDB; the first time it may have to be downloaded.');
  console.log('To use a server of your own, set MONGODB_URI.');
  // Loaded here, so that with MONGODB_URI it need not be installed. By require(): Node's own import()
  // would not know what to do with TypeScript.
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  const { startEmbeddedMongoDB } = require('../embedded-mongodb') as typeof EmbeddedMongoDB;
  const { uri, stop } = await startEmbeddedMongoDB();
  closers.push(stop);
  return uri;
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  // A request in work may finish, but a browser that just keeps its connection must not delay the end.
  const deadline = setTimeout(() => {
    server.closeAllConnections();
  }, 2000);
  await closed;
  clearTimeout(deadline);
}

function toText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const isTaken = 'code' in error && error.code === 'EADDRINUSE';
  return isTaken ? 'The port is taken. Set PORT to another one, or to 0 for any.' : error.message;
}

void main();
