import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createYoga } from 'graphql-yoga';
import mongoose from 'mongoose';
import { schema } from './schema';
import { User } from './user';

async function main(): Promise<void> {
  await mongoose.connect(process.env['MONGODB_URI'] ?? 'mongodb://127.0.0.1:27017/graphql-example');
  // Until the unique index exists, the collection accepts duplicates.
  await User.init();
  // eslint-disable-next-line @typescript-eslint/no-misused-promises -- yoga answers its own errors
  const server = createServer(createYoga({ schema }));
  server.listen(Number(process.env['PORT'] ?? 3000), '127.0.0.1', () => {
    const { port } = server.address() as AddressInfo;
    console.log(`Listening: http://127.0.0.1:${String(port)}/graphql`);
  });
}

void main();
