/**
 * `npm run test:mutation`: changes lib at one place after the other, and reports each change that no test
 * notices. `npm run test:mutation -- lib/bson lib/schema/path.ts` does so for these folders and files.
 * Each change meets the tests of its own folder, or those that are named: `__tests__/convert/rows.test.ts`.
 */
import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { startEmbeddedMongoDB } from '../../examples/embedded-mongodb';

const FOLDERS = ['lib/bson', 'lib/schema', 'lib/convert', 'lib/upsert/prepare', 'lib/upsert/send'];

/** Not among the dependencies: `npm ci` would take ten seconds longer for what runs by hand only. */
const VERSION = '9.6.1';
const PACKAGES = ['core', 'jest-runner'].flatMap((name) => [
  '--package',
  `@stryker-mutator/${name}@${VERSION}`,
]);

const isTest = (one: string): boolean => one.startsWith('__tests__/');

const toPattern = (one: string, files: string): string =>
  one.endsWith('.ts') ? one : `${one.replace(/\/$/, '')}/**/${files}`;

/** `lib/schema/path.ts` is tested by `__tests__/schema`. */
const toTests = (mutated: string): string => mutated.replace(/^lib\/([^/]+).*$/, '__tests__/$1');

async function main(given: string[]): Promise<number> {
  const named = given.filter((one) => !isTest(one));
  const mutated = named.length > 0 ? named : FOLDERS;
  const tests = given.filter(isTest);
  const testPatterns = (tests.length > 0 ? tests : [...new Set(mutated.map(toTests))]).map((one) =>
    toPattern(one, '*.test.ts'),
  );
  const config = path.join(os.tmpdir(), `stryker-${String(process.pid)}.json`);
  const settings = {
    testRunner: 'jest',
    jest: { configFile: '__tests__/mutation/jest.config.ts', enableFindRelatedTests: false },
    testRunnerNodeArgs: ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'],
    coverageAnalysis: 'perTest',
    // What is computed once, when a file is loaded, needs all tests again for each mutant.
    ignoreStatic: true,
    // The wording of a message is no behaviour.
    mutator: { excludedMutations: ['StringLiteral'] },
    mutate: mutated.map((one) => toPattern(one, '*.ts')),
    concurrency: 1,
    checkers: [],
    timeoutMS: 20_000,
    reporters: ['clear-text', 'progress-append-only'],
    clearTextReporter: { logTests: false, reportTests: false },
    // Its references need no rewriting, for which a TypeScript would have to be installed.
    tsconfigFile: 'none',
    allowConsoleColors: false,
    tempDirName: '.stryker-tmp',
    incrementalFile: '.stryker-tmp/incremental.json',
    disableTypeChecks: '{lib,__tests__}/**/*.ts',
  };
  writeFileSync(config, JSON.stringify(settings));
  const server = await startEmbeddedMongoDB();
  try {
    const stryker = ['--yes', ...PACKAGES, '--', 'stryker', 'run', config];
    const { status } = spawnSync('npx', stryker, {
      stdio: 'inherit',
      env: { ...process.env, TEST_MONGODB_URI: server.uri, MUTATION_TESTS: testPatterns.join(' ') },
    });
    return status ?? 1;
  } finally {
    await server.stop();
    rmSync(config);
  }
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    console.error(error);
    process.exitCode = 1;
  },
);
