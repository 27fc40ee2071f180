import type { Config } from 'jest';

/** On Mongoose 9; main.ts names the tests and has started their MongoDB. */
const config: Config = {
  rootDir: '../..',
  testEnvironment: 'node',
  testTimeout: 30_000,
  testMatch: (process.env['MUTATION_TESTS'] ?? '').split(' ').map((one) => `**/${one}`),
  // A mutant does not compile as strictly as the code, and is no other program for it.
  transform: { '\\.ts$': ['ts-jest', { diagnostics: false, isolatedModules: true }] },
  moduleNameMapper: { '^mongoose-unique-guard$': '<rootDir>/lib/index.ts' },
};

export default config;
