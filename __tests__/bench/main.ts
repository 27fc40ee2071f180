/** `npm run bench`: prints a table, writes it into the guide of internals, and draws the chart of the README. Exits with 1 where a bar is not met. */
import mongoose from 'mongoose';
import { startEmbeddedMongoDB } from '../../examples/embedded-mongodb';
import { benchMany } from './many';
import { benchParse } from './parse';
import { toTable, writeChart, writeToGuide } from './report';
import { benchStubbed } from './stubbed';
import { benchPeer, benchSuccess, benchUpsert } from './writes';

async function main(): Promise<void> {
  const server = await startEmbeddedMongoDB();
  try {
    const uri = new URL(server.uri);
    uri.pathname = '/bench';
    await mongoose.connect(uri.href);
    const rows = [
      ...(await benchSuccess(mongoose)),
      ...(await benchStubbed(mongoose)),
      ...(await benchUpsert(mongoose)),
      ...(await benchMany(mongoose)),
      ...(await benchPeer(mongoose)),
      ...benchParse(),
    ];
    const table = toTable(rows, server.version);
    console.log(table);
    await writeToGuide(table);
    writeChart(rows);
    if (rows.some(({ isMet }) => !isMet)) process.exitCode = 1;
  } finally {
    await mongoose.disconnect();
    await server.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});
