import { statSync } from 'node:fs';
import path from 'node:path';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];

/** The file that CHROMIUM_PATH names, else the first on the PATH. Throws where there is none. */
export function findChromium({ CHROMIUM_PATH, PATH = '' }: NodeJS.ProcessEnv): string {
  if (CHROMIUM_PATH) {
    if (isExecutable(CHROMIUM_PATH)) return CHROMIUM_PATH;
    throw new Error(`CHROMIUM_PATH is ${CHROMIUM_PATH}, and that is no file that can be run.`);
  }
  const directories = PATH.split(path.delimiter).filter((directory) => directory !== '');
  const found = directories
    .flatMap((directory) => NAMES.map((name) => path.join(directory, name)))
    .find(isExecutable);
  if (found !== undefined) return found;
  throw new Error(
    `The browser tests need a Chromium, and none of ${NAMES.join(', ')} is on the PATH. Install one ` +
      '(Debian: apt-get install chromium), or name it: CHROMIUM_PATH=/path/to/chrome',
  );
}

function isExecutable(file: string): boolean {
  const stat = statSync(file, { throwIfNoEntry: false });
  return stat?.isFile() === true && (stat.mode & 0o111) !== 0;
}
