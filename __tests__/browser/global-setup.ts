import startServer from '../support/global-setup';
import { findChromium } from './find-chromium';

/** Says at once where there is no browser, before a server is started for nothing. */
export default async function globalSetup(): Promise<void> {
  findChromium(process.env);
  await startServer();
}
