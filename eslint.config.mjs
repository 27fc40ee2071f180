import importX from 'eslint-plugin-import-x';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';
import tseslint from 'typescript-eslint';

/** Members of Mongoose and the driver that their documentation does not name. */
const INTERNALS = [
  '$__',
  '$__getAtomics',
  '$isDefault',
  '$isSubdocument',
  '$__schema',
  '_doc',
  'directModifiedPaths',
  'initializeTimestamps',
  '_castUpdate',
  'mongooseCollection',
  '_pres',
  '_posts',
  'execPre',
  'execPost',
  'hooks',
  'plugins',
  'childSchemas',
  'discriminatorMapping',
  'baseModelName',
  'caster',
  'embeddedSchemaType',
  'skipWrappedFunction',
  '_message',
  'transactionAsyncLocalStorage',
  'otherDbs',
  '$init',
  '$__schemaType',
];

const names = () => INTERNALS.map((name) => name.replaceAll('$', '\\$')).join('|');

export default tseslint.config(
  {
    ignores: [
      '**/dist',
      'coverage',
      '.stryker-tmp',
      'reports',
      'node_modules',
      'eslint.config.mjs',
      '.build',
      // Each compiled, and the examples linted, by a test where its frameworks are installed.
      '__tests__/package/frameworks.mts',
      'examples/{fastify,graphql,nestjs,typegoose}',
    ],
  },
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true } },
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver()] },
    rules: {
      'import-x/no-cycle': 'error',
      'import-x/no-default-export': 'error',
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      // Fires on every path of `new Schema({ path: { … } })`.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
    },
  },
  {
    files: ['lib/**'],
    ignores: ['lib/mongoose-internals.ts'],
    rules: {
      'no-restricted-syntax': [
        'error',
        ...[`Identifier[name=/^(${names()})$/]`, `Literal[value=/^(${names()})$/]`].map(
          (selector) => ({
            selector,
            message:
              'An undocumented member of Mongoose: put it behind a function of mongoose-internals.ts.',
          }),
        ),
      ],
    },
  },
  {
    // The tables drive models of every shape, and Mongoose types those as `any`.
    files: ['__tests__/**'],
    rules: {
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/no-unnecessary-type-assertion': 'off',
    },
  },
  {
    files: ['examples/nestjs/**'],
    rules: { '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true }] },
  },
  {
    // In no TypeScript project: what runs in the browser.
    files: ['examples/express-form/public/**'],
    ...tseslint.configs.disableTypeChecked,
  },
  {
    files: ['**/jest.config.ts', '__tests__/**/global-*.ts'],
    rules: { 'import-x/no-default-export': 'off' },
  },
);
