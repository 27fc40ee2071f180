import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { findChromium } from './find-chromium';

const directory = mkdtempSync(path.join(os.tmpdir(), 'chromium-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** A directory for the PATH with these files in it, executable by their mode. */
function directoryOf(name: string, modes: Record<string, number>): string {
  const made = path.join(directory, name);
  mkdirSync(made);
  for (const [file, mode] of Object.entries(modes)) {
    writeFileSync(path.join(made, file), '');
    chmodSync(path.join(made, file), mode);
  }
  return made;
}

const empty = directoryOf('empty', {});
const plain = directoryOf('plain', { chromium: 0o644 });
const first = directoryOf('first', { 'google-chrome': 0o755 });
const second = directoryOf('second', { chromium: 0o755, 'chromium-browser': 0o755 });
mkdirSync(path.join(empty, 'chromium'));

it.each([
  [
    'the first directory of the PATH that has one',
    [empty, plain, first, second],
    `${first}/google-chrome`,
  ],
  ['the first name in a directory', [second], `${second}/chromium`],
])('takes %s', (_, directories, found) => {
  expect(findChromium({ PATH: directories.join(path.delimiter) })).toBe(found);
});

it('takes the file that CHROMIUM_PATH names, before the PATH', () => {
  const CHROMIUM_PATH = `${second}/chromium-browser`;
  expect(findChromium({ CHROMIUM_PATH, PATH: first })).toBe(CHROMIUM_PATH);
});

it.each([`${empty}/nothing`, `${plain}/chromium`, empty])(
  'says that CHROMIUM_PATH=%s cannot be run, and takes no other',
  (CHROMIUM_PATH) => {
    expect(() => findChromium({ CHROMIUM_PATH, PATH: second })).toThrow(
      `CHROMIUM_PATH is ${CHROMIUM_PATH}, and that is no file that can be run.`,
    );
  },
);

it.each([{}, { PATH: '' }, { PATH: [empty, plain].join(path.delimiter), CHROMIUM_PATH: '' }])(
  'says what to install where there is none: %j',
  (env) => {
    expect(() => findChromium(env)).toThrow(
      /need a Chromium.*apt-get install chromium.*CHROMIUM_PATH=/,
    );
  },
);
