import mongoose from 'mongoose';
import { createApp } from './app';
import { User } from './user';

async function main(): Promise<void> {
  await mongoose.connect(process.env['MONGODB_URI'] ?? 'mongodb://127.0.0.1:27017/fastify-example');
  // Until the unique index exists, the collection accepts duplicates.
  await User.init();
  const app = createApp();
  app.addHook('onClose', () => mongoose.disconnect());
  const address = await app.listen({
    host: '127.0.0.1',
    port: Number(process.env['PORT'] ?? 3000),
  });
  console.log(`Listening: ${address}`);
}

void main();
