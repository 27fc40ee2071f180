import path from 'node:path';
import type { Config } from 'jest';

const rootDir = path.resolve(__dirname, '../..');

// The package as others install it: packed, and used from a project of its own on each end of the
// peer range. Run by `npm run test:package`; it needs the npm registry, so `npm test` leaves it out.
const common = {
  rootDir,
  testEnvironment: 'node',
  transform: { '\\.ts$': 'ts-jest' },
  moduleNameMapper: { '^mongoose-unique-guard$': '<rootDir>/lib/index.ts' },
  globalSetup: '<rootDir>/__tests__/package/global-setup.ts',
  globalTeardown: '<rootDir>/__tests__/package/global-teardown.ts',
} as const;

/** Jest runs these side by side, as many as there are cores. */
const onMongoose = (version: string) => ({
  ...common,
  displayName: `with mongoose@${version}`,
  testMatch: ['<rootDir>/__tests__/package/consumer.test.ts'],
  globals: { MONGOOSE_VERSION: version },
});

const config: Config = {
  rootDir,
  testTimeout: 120_000,
  // Most of the time other processes work.
  maxWorkers: '100%',
  projects: [
    ...['8.9.0', '8', '9.0.0', '9'].map(onMongoose),
    {
      ...common,
      displayName: 'with frameworks',
      testMatch: ['<rootDir>/__tests__/package/frameworks.test.ts'],
    },
    {
      ...common,
      displayName: 'the tarball',
      testMatch: ['<rootDir>/__tests__/package/tarball.test.ts'],
    },
  ],
};

export default config;
