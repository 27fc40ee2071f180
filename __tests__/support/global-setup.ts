import { startEmbeddedMongoDB, type EmbeddedMongoDB } from '../../examples/embedded-mongodb';

declare global {
  // `var` is the only declaration that extends globalThis.
  var embeddedMongoDB: EmbeddedMongoDB | undefined;
}

/** One server for the whole run; each test file has a database of its own (see database.ts). */
export default async function globalSetup(): Promise<void> {
  globalThis.embeddedMongoDB = await startEmbeddedMongoDB();
  process.env['TEST_MONGODB_URI'] = globalThis.embeddedMongoDB.uri;
}
