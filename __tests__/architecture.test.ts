import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const lib = path.resolve(__dirname, '../lib');

const files = readdirSync(lib, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.split(path.sep).join('/'));

const source = (file: string) => readFileSync(path.join(lib, file), 'utf8');

/** The imports of a file that stay when it is compiled, and those for types. */
function importsOf(file: string): { from: string; isType: boolean }[] {
  const statements = source(file).matchAll(/^(?:import|export) (type )?[^;]*?from '([^']+)';/gm);
  return [...statements].map(([, isType, from]) => ({
    isType: isType !== undefined,
    from: from ?? '',
  }));
}

/** From the entry down: a file imports only what stands below it. */
const ORDER = [
  /^index$/,
  /^unique-guard$/,
  /^hooks$/,
  /^augment$/,
  /^cli$/,
  /^cli\/run-audit$/,
  /^cli\/(connect-models|load-models|user-mongoose|progress)$/,
  /^cli\/(parse-command|redact)$/,
  /^statics\/check-unique$/,
  /^statics\/check-unique-(input|options)$/,
  /^statics\/save-or-upsert(-many)?$/,
  /^statics\/upsert-batch$/,
  /^statics\/(upsert-ids|upsert-retry)$/,
  /^statics\/upsert-bulk$/,
  /^statics\/upsert-query$/,
  /^statics\/prepare-upsert$/,
  /^statics\/(update-option|upsert-filter)$/,
  /^statics\/upsert-changes$/,
  /^statics\/(save-middleware|upsert-options|upsert-write)$/,
  /^statics\/upsert-update$/,
  /^statics\/audit-unique-indexes$/,
  /^audit\/format-audit$/,
  /^audit\/audit-model$/,
  /^audit\/(find-blocking|compare-indexes)$/,
  /^audit\/(blocking-pipeline|database-index)$/,
  /^audit\/(declared-index|index-keys)$/,
  /^audit\/expression$/,
  /^violation\/collect-violations$/,
  /^violation\/find-violations$/,
  /^violation\/lookup$/,
  /^violation\/known-write$/,
  /^violation\/known-update$/,
  /^violation\/(document-write|known-document)$/,
  /^violation\/(index-keys|partial-filter)$/,
  /^violation\/value-order$/,
  /^violation\/comparable$/,
  /^session$/,
  /^schema\/(conflict-target|kept-paths)$/,
  /^error\/to-validation-error$/,
  /^error\/(bulk|index-build-error)$/,
  /^error\/convert-duplicate$/,
  /^error\/index-errors$/,
  /^error\/hidden-value$/,
  /^error\/(message|validation-error)$/,
  /^error\/(field-errors|possible-index)$/,
  /^error\/(duplicate-key|written-value)$/,
  /^error\/duplicate-key-error$/,
  /^schema\/unique-index$/,
  /^schema\/path$/,
  /^same-value$/,
  /^options$/,
  /^document-of$/,
];
const rank = (file: string) =>
  ORDER.findIndex((pattern) => pattern.test(file.replace(/\.ts$/, '')));

it.each(files)('%s imports only what stands below it, so there is no cycle', (file) => {
  expect(rank(file)).toBeGreaterThanOrEqual(0);
  for (const { from } of importsOf(file).filter((one) => one.from.startsWith('.'))) {
    const imported = path.posix.join(path.posix.dirname(file), from);
    expect(rank(imported)).toBeGreaterThan(rank(file));
  }
});

it.each(files)(
  '%s imports mongoose as types only, so the package has no copy of its own',
  (file) => {
    const atRunTime = importsOf(file).filter(
      ({ isType, from }) => !isType && !from.startsWith('.'),
    );
    expect(atRunTime.map(({ from }) => from).filter((from) => !from.startsWith('node:'))).toEqual(
      [],
    );
  },
);

it("only validation-error.ts touches Mongoose's error classes", () => {
  const touching = files.filter((file) => /\.Error\.Valid|new ValidationError/.test(source(file)));
  expect(touching).toEqual(['error/validation-error.ts']);
});
