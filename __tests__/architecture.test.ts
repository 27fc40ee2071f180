import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

const lib = path.resolve(__dirname, '../lib');

const files = readdirSync(lib, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => file.split(path.sep).join('/'));

/** The imports of a file that stay when it is compiled, and those for types. */
function importsOf(file: string): { from: string; isType: boolean }[] {
  const source = readFileSync(path.join(lib, file), 'utf8');
  const statements = source.matchAll(/^(?:import|export) (type )?[^;]*?from '([^']+)';/gm);
  return [...statements].map(([, isType, from]) => ({
    isType: isType !== undefined,
    from: from ?? '',
  }));
}

/** From the entry down: a zone, which is a folder or a file of the top, imports only what is below it. */
const ZONES = [
  'index.ts',
  'unique-guard.ts',
  'warn-compiled.ts',
  'augment.ts',
  'hooks.ts',
  'upsert',
  'check',
  'cli',
  'audit',
  'explain',
  'answer',
  'convert',
  'write',
  'schema',
  'bson',
  'options',
  'diagnostics.ts',
  'mongoose-internals.ts',
];
const zoneOf = (file: string) => ZONES.indexOf(file.split('/')[0] ?? '');

it.each(files)('%s imports only from its own zone and the zones below', (file) => {
  expect(zoneOf(file)).toBeGreaterThanOrEqual(0);
  for (const { from } of importsOf(file).filter((one) => one.from.startsWith('.'))) {
    const imported = `${path.posix.join(path.posix.dirname(file), from)}.ts`;
    expect(files).toContain(imported);
    expect(zoneOf(imported)).toBeGreaterThanOrEqual(zoneOf(file));
  }
});

it('every zone has a file, so that the list is that of lib', () => {
  expect(new Set(files.map(zoneOf)).size).toBe(ZONES.length);
});

it('no two files have one name, but those that do the same job for their folder', () => {
  const names = files.map((file) => path.posix.basename(file));
  expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([]);
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
  const touching = files.filter((file) =>
    /\.Error\.Valid|new ValidationError/.test(readFileSync(path.join(lib, file), 'utf8')),
  );
  expect(touching).toEqual(['convert/validation-error.ts']);
});
