import type { Config } from 'jest';

/** The suite runs once on each supported major of Mongoose; both share one server. */
const onMongoose = (
  displayName: string,
  packageName: string,
  leftOut: string[] = [],
): NonNullable<Config['projects']>[number] => ({
  displayName,
  testEnvironment: 'node',
  // Those have a run of their own: npm run test:stress, test:package, test:examples, test:browser.
  testMatch: ['**/__tests__/**/*.test.ts', '!**/__tests__/{stress,package,frameworks,browser}/**'],
  testPathIgnorePatterns: ['/node_modules/', ...leftOut],
  // The copies of this folder that npm run test:mutation leaves where it is interrupted.
  modulePathIgnorePatterns: ['<rootDir>/.stryker-tmp'],
  transform: { '\\.ts$': 'ts-jest' },
  moduleNameMapper: {
    '^mongoose-unique-guard$': '<rootDir>/lib/index.ts',
    '^mongoose$': `<rootDir>/node_modules/${packageName}`,
  },
  globalSetup: '<rootDir>/__tests__/support/global-setup.ts',
  globalTeardown: '<rootDir>/__tests__/support/global-teardown.ts',
});

/** Tests of what uses no Mongoose, or always the one that is installed under its own name. */
const RUN_ONCE = [
  '/__tests__/architecture.test',
  '/__tests__/bench/',
  '/__tests__/documents/links.test',
  '/__tests__/examples/(embedded-mongodb|express-form-command).test',
];

/** Mostly of the server, the driver, the compiler, the command and the examples: on both with ALL_CASES. */
const ON_BOTH_IN_CI = [
  '/__tests__/audit/audit-(agrees|large).test',
  '/__tests__/check/check-unique-oracle.test',
  '/__tests__/cli/(causes|cli).test',
  '/__tests__/convert/(hostile|one-element).test',
  '/__tests__/documents/snippets.test',
  '/__tests__/examples/(express-form|services).test',
  '/__tests__/types.test',
  '/__tests__/upsert/(bounded-work|upsert-large).test',
];
const LEFT_OUT = process.env['ALL_CASES'] === '1' ? RUN_ONCE : [...RUN_ONCE, ...ON_BOTH_IN_CI];

const config: Config = {
  testTimeout: 30_000,
  // Much of the time is the server's: one worker, as on two cores by default, would only wait for it.
  maxWorkers: '100%',
  // With --coverage: what is left out says why, beside the line.
  collectCoverageFrom: ['lib/**/*.ts'],
  coverageReporters: [['text', { skipFull: true }]],
  coverageThreshold: { global: { branches: 100 } },
  projects: [
    onMongoose('mongoose 9', 'mongoose'),
    onMongoose('mongoose 8', 'mongoose-8', LEFT_OUT),
  ],
};

export default config;
