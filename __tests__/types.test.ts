/** What the types accept and refuse, in usage.ts and in the documents; and the options that they have. */
import path from 'node:path';
import mongoose from 'mongoose';
import ts from 'typescript';
import {
  documents,
  files,
  findOptionTables,
  read,
  root,
  sourceOf,
  toModule,
} from './documents/documents';

const usage = path.join(root, '__tests__/types/usage.ts');
const sources = new Map(
  documents.map(({ file, snippets }) => [sourceOf(file), toModule(snippets)]),
);
// The types of the major that these tests run on.
const major = mongoose.version.startsWith('8.') ? 'mongoose-8' : 'mongoose';

/** One for all, since most of the time goes to Mongoose's types. */
const program = createProgram(path.join(root, 'lib/index.ts'), usage);

function createProgram(...entries: string[]): ts.Program {
  const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), (name) =>
    ts.sys.readFile(name),
  ) as { config: object };
  const parsed = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const paths = { ...parsed.options.paths, mongoose: [path.join(root, 'node_modules', major)] };
  const options = { ...parsed.options, noUnusedLocals: false, paths };
  const host = ts.createCompilerHost(options);
  const fromDisk = host.getSourceFile.bind(host);
  host.getSourceFile = (name, target) => {
    const source = sources.get(name);
    return source === undefined
      ? fromDisk(name, target)
      : ts.createSourceFile(name, source, target);
  };
  return ts.createProgram([...entries, ...sources.keys()], options, host);
}

/** Of one file, or of all: lib, usage.ts and the documents. */
function findErrors(name?: string): string[] {
  const source = name === undefined ? undefined : program.getSourceFile(name);
  return ts.getPreEmitDiagnostics(program, source).map(({ file, start, messageText }) => {
    const line =
      file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${path.basename(file?.fileName ?? '')}:${String(line)} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
}

it('are those of the major that these tests run on', () => {
  const names = program.getSourceFiles().map(({ fileName }) => fileName);
  expect(names.some((name) => name.includes(`/${major}/`))).toBe(true);
});

it.each(documents)(
  'accept the snippets of $file under strict options',
  ({ file }) => {
    expect(program.getSourceFile(sourceOf(file))).toBeDefined();
    expect(findErrors(sourceOf(file))).toEqual([]);
  },
  60_000,
);

it('hold what usage.ts says, refuse what they must, and fit lib', () => {
  expect(findErrors()).toEqual([]);
}, 60_000);

describe('the options', () => {
  const checker = program.getTypeChecker();
  const exportsOf = (file: string): ts.Symbol[] => {
    const source = program.getSourceFile(path.join(root, 'lib', file)) as ts.SourceFile;
    return checker.getExportsOfModule(checker.getSymbolAtLocation(source) as ts.Symbol);
  };

  function optionsOf(name: string, file = 'index.ts'): string[] {
    const symbol = exportsOf(file).find((one) => one.name === name) as ts.Symbol;
    const isAlias = (symbol.flags & ts.SymbolFlags.Alias) !== 0;
    const type = checker.getDeclaredTypeOfSymbol(
      isAlias ? checker.getAliasedSymbol(symbol) : symbol,
    );
    return type.getProperties().map((property) => property.name);
  }

  const upsertOptions = optionsOf('SaveOrUpsertOptions');
  /** Every table of options, and the type whose properties it lists. */
  const tables: Record<string, string[]> = {
    'examples/errors/README.md, Options of the plugin': optionsOf('UniqueGuardOptions'),
    'examples/errors/README.md, Options of one index': optionsOf('UniqueIndexOptions'),
    'examples/save-or-upsert/README.md, Options': upsertOptions,
    'examples/save-or-upsert-many/README.md, Options': optionsOf('SaveOrUpsertManyOptions').filter(
      (name) => !upsertOptions.includes(name),
    ),
    'examples/check-unique/README.md, Options': optionsOf('CheckUniqueOptions'),
    'examples/check-unique/README.md, Options of one write': optionsOf(
      'UniqueGuardCallOptions',
      'options/plugin-options.ts',
    ),
    'examples/audit/README.md, Options': optionsOf('AuditOptions'),
    'examples/frameworks/README.md, Options': optionsOf('ProblemDetailsOptions'),
  };
  const found = files.flatMap(findOptionTables);

  it.each(Object.entries(tables))('of the table in %s are those of the types', (place, names) => {
    expect(names.length).toBeGreaterThan(0);
    const table = found.find((one) => one.place === place);
    expect(table?.names.sort()).toEqual([...names].sort());
  });

  it('each have one table, and none of another name', () => {
    const commandLine = 'examples/audit/README.md, Options of the command';
    expect(found.map(({ place }) => place).sort()).toEqual(
      [...Object.keys(tables), commandLine].sort(),
    );
  });

  it('and the other types that the guide of TypeScript names are exported', () => {
    const guide = read('examples/typescript/README.md');
    const section = guide.slice(guide.indexOf('## Exported types'), guide.indexOf('## Limits'));
    const names = [...section.matchAll(/`(\w+)(?:<\w+>)?`/g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(5);
    const exported = exportsOf('index.ts').map(({ name }) => name);
    expect(exported).toEqual(expect.arrayContaining(names));
  });
});
