/** `npm run example 04`: runs a numbered example on a MongoDB that is started for it. */
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import mongoose from 'mongoose';
import { startEmbeddedMongoDB } from './embedded-mongodb';

/** ts-node compiles what is required, not what is imported. */
const load = createRequire(__filename);
const folder = path.join(__dirname, 'numbered');

async function main(number: string | undefined): Promise<void> {
  const files = readdirSync(folder).sort();
  const file = files.find((name) => number !== undefined && name.startsWith(`${number}-`));
  if (file === undefined) {
    console.error(`Say which: npm run example 01\n\n${files.join('\n')}`);
    process.exitCode = 2;
    return;
  }
  const server = await startEmbeddedMongoDB();
  try {
    const uri = new URL(server.uri);
    uri.pathname = '/example';
    await mongoose.connect(uri.href);
    const { run } = load(path.join(folder, file)) as { run: () => Promise<void> };
    await run();
  } finally {
    await mongoose.disconnect();
    await server.stop();
  }
}

main(process.argv[2]).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
