import { run } from '../package/run';
import startServer from '../support/global-setup';

/** The examples install the package as it is built here. */
export default async function globalSetup(): Promise<void> {
  await run('npm', ['run', 'build']);
  await startServer();
}
