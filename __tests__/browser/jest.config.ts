import path from 'node:path';
import type { Config } from 'jest';

// The example in a real Chromium. Run by `npm run test:browser`; `npm test` leaves it out, for it
// needs a browser on the machine.
const config: Config = {
  displayName: 'browser',
  rootDir: path.resolve(__dirname, '../..'),
  testEnvironment: 'node',
  testMatch: ['<rootDir>/__tests__/browser/*.test.ts'],
  testTimeout: 30_000,
  transform: { '\\.ts$': 'ts-jest' },
  moduleNameMapper: { '^mongoose-unique-guard$': '<rootDir>/lib/index.ts' },
  globalSetup: '<rootDir>/__tests__/browser/global-setup.ts',
  globalTeardown: '<rootDir>/__tests__/support/global-teardown.ts',
};

export default config;
