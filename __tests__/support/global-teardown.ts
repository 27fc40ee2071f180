import { rm } from 'node:fs/promises';
import './global-setup';

export default async function globalTeardown(): Promise<void> {
  await globalThis.embeddedMongoDB?.stop();
  if (globalThis.runDirectory !== undefined) await rm(globalThis.runDirectory, { recursive: true });
}
