import { readFileSync } from 'node:fs';
import path from 'node:path';
import { testUri } from '../support/database';
import { makeConsumer } from './consumer-project';
import { run, runTool } from './run';

/** Of this Jest project; a major alone is its newest release. */
declare const MONGOOSE_VERSION: string;

let cwd: string;
beforeAll(async () => {
  cwd = await makeConsumer(MONGOOSE_VERSION);
});

const node = (...args: string[]) =>
  run(process.execPath, args, { cwd, env: { TEST_MONGODB_URI: testUri() } });

it('installs beside the Mongoose that was asked for, which is the only copy', async () => {
  const manifest = path.join(cwd, 'node_modules/mongoose/package.json');
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
  expect(`${version}.`.startsWith(`${MONGOOSE_VERSION}.`)).toBe(true);
  // Fails by itself where that version is outside of the peer range.
  const copies = await run('npm', ['ls', 'mongoose', '--all', '--parseable'], { cwd });
  expect(copies.trim().split('\n')).toEqual([path.dirname(manifest)]);
});

const withOwnCompiler = (...args: string[]) => runTool('tsc', args, { cwd });
const withOldestCompiler = (...args: string[]) => run('node_modules/.bin/tsc', args, { cwd });

it.each([
  ['node16', "this repository's TypeScript", withOwnCompiler],
  ['nodenext', "this repository's TypeScript", withOwnCompiler],
  ['bundler', "this repository's TypeScript", withOwnCompiler],
  ['node16', 'the oldest TypeScript', withOldestCompiler],
])('type-checks under module %s with %s', async (module, _, compile) => {
  expect(await compile('-p', `tsconfig.${module}.json`)).toBe('');
});

describe('in plain Node, as the type check under node16 compiled it', () => {
  it.each(['consumer.cjs', 'consumer.mjs'])('runs as %s', async (file) => {
    const taken = '11000 unique email_1 email a taken';
    expect(JSON.parse(await node(file))).toEqual([
      taken,
      taken,
      [false, 'B', true, 1],
      [true, 'b', 'undefined'],
      [false, 1],
      [1, 1, 1, 'ValidationError', 'ValidationError'],
      ['unique', 11000],
      ['unique', 'ok', null, null, null, true],
      [true, true],
      [409, '/users', '#/email'],
      [{ mesage: 'taken' }, [false, false], 0, 'function', 'function'],
    ]);
  });

  it('is the same function by require and by import', async () => {
    const code = `import('mongoose-unique-guard').then(({ uniqueGuard, ...others }) => {
      const required = require('mongoose-unique-guard');
      const isWhole = Object.keys(required).every((name) => required[name] === others.default[name]);
      console.log(uniqueGuard === required.uniqueGuard, isWhole);
    })`;
    expect(await node('-e', code)).toBe('true true\n');
  });
});
