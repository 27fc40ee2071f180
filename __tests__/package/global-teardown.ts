import { rm } from 'node:fs/promises';
import stopServer from '../support/global-teardown';

export default async function globalTeardown(): Promise<void> {
  await stopServer();
  const directory = process.env['TEST_PACKAGE_DIRECTORY'];
  if (directory !== undefined) await rm(directory, { recursive: true, force: true });
}
