import path from 'node:path';
import type { Config } from 'jest';

const rootDir = path.resolve(__dirname, '../..');

// The examples with a package.json of their own: installed, linted, compiled and asked over HTTP. Run by
// `npm run test:examples`; it needs the npm registry, so `npm test` leaves it out.
const config: Config = {
  displayName: 'examples',
  rootDir,
  testEnvironment: 'node',
  testMatch: ['<rootDir>/__tests__/frameworks/*.test.ts'],
  testTimeout: 180_000,
  maxWorkers: '100%',
  transform: { '\\.ts$': 'ts-jest' },
  globalSetup: '<rootDir>/__tests__/frameworks/global-setup.ts',
  globalTeardown: '<rootDir>/__tests__/support/global-teardown.ts',
};

export default config;
