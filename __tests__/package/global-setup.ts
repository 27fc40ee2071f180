import { mkdtemp, readdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import startServer from '../support/global-setup';
import { run } from './run';

/** Builds and packs once, as `npm publish` would, and starts one server for all projects. */
export default async function globalSetup(): Promise<void> {
  const directory = await mkdtemp(path.join(os.tmpdir(), 'unique-guard-package-'));
  process.env['TEST_PACKAGE_DIRECTORY'] = directory;
  await run('npm', ['pack', '--pack-destination', directory]).catch(async (error: unknown) => {
    await rm(directory, { recursive: true });
    throw error;
  });
  const [tarball = ''] = await readdir(directory);
  process.env['TEST_PACKAGE_TARBALL'] = path.join(directory, tarball);
  await startServer();
}
