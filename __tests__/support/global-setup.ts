import { mkdir, mkdtemp, readdir, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { startEmbeddedMongoDB, type EmbeddedMongoDB } from '../../examples/embedded-mongodb';

declare global {
  // `var` is the only declaration that extends globalThis.
  var embeddedMongoDB: EmbeddedMongoDB | undefined;
  var runDirectory: string | undefined;
}

/** One server for the whole run; each test file has a database of its own (see database.ts). */
export default async function globalSetup(): Promise<void> {
  globalThis.embeddedMongoDB = await startEmbeddedMongoDB(await makeDirectoryInMemory());
  process.env['TEST_MONGODB_URI'] = globalThis.embeddedMongoDB.uri;
  globalThis.runDirectory = await mkdtemp(path.join(tmpdir(), NAME));
  // Made by the first test that needs it: see command.ts.
  process.env['TEST_COMPILED_LIB'] = path.join(globalThis.runDirectory, 'dist');
}

/** The memory that Linux offers as a file system. */
const MEMORY = '/dev/shm';
const NAME = 'mongoose-unique-guard-';
const NEEDED_BYTES = 4 * 1024 ** 3;

/**
 * The server makes a file for each collection and each index, which takes a disk several times as long.
 * Undefined where there is no such file system, or little room in it.
 */
async function makeDirectoryInMemory(): Promise<string | undefined> {
  const free = await statfs(MEMORY).then(
    ({ bavail, bsize }) => bavail * bsize,
    () => 0,
  );
  if (free < NEEDED_BYTES) return undefined;
  await removeLeftovers();
  const directory = path.join(MEMORY, `${NAME}${String(process.pid)}`);
  await mkdir(directory);
  return directory;
}

/** Of runs that were killed. */
async function removeLeftovers(): Promise<void> {
  for (const name of await readdir(MEMORY)) {
    if (!name.startsWith(NAME) || isRunning(Number(name.slice(NAME.length)))) continue;
    await rm(path.join(MEMORY, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
