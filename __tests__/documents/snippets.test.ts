import { createRequire } from 'node:module';
import path from 'node:path';
import vm from 'node:vm';
import mongoose from 'mongoose';
import * as uniqueGuard from 'mongoose-unique-guard';
import ts from 'typescript';
import { testUri } from '../support/database';
import {
  files,
  findOptionTables,
  findPromised,
  findSnippets,
  read,
  root,
  toModule,
} from './documents';

const documents = files
  .map((file) => ({ file, snippets: findSnippets(read(file)) }))
  .filter(({ snippets }) => snippets.length > 0);

/** The file that a document's snippets are compiled as, beside the document. */
const sourceOf = (file: string) => path.join(root, path.dirname(file), 'snippets.ts');
const sources = new Map(
  documents.map(({ file, snippets }) => [sourceOf(file), toModule(snippets)]),
);

/** One for all documents and the types of the options, since most of the time goes to Mongoose's types. */
const program = createProgram(path.join(root, 'lib/index.ts'));

function createProgram(entry: string): ts.Program {
  const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), (name) =>
    ts.sys.readFile(name),
  ) as { config: object };
  const parsed = ts.parseJsonConfigFileContent(config, ts.sys, root);
  // The types of the major that these tests run on.
  const major = mongoose.version.startsWith('8.') ? 'mongoose-8' : 'mongoose';
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
  return ts.createProgram([entry, ...sources.keys()], options, host);
}

describe('the snippets', () => {
  beforeAll(() => mongoose.connect(testUri()));
  beforeEach(async () => {
    mongoose.deleteModel(/./);
    await mongoose.connection.dropDatabase();
  });
  afterAll(async () => {
    await mongoose.connection.dropDatabase();
    await mongoose.disconnect();
  });

  it.each(documents)('of $file compile under strict options', ({ file }) => {
    const diagnostics = ts.getPreEmitDiagnostics(program, program.getSourceFile(sourceOf(file)));
    expect(
      diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
    ).toEqual([]);
  });

  it.each(documents)('of $file print what their comments say', async ({ file, snippets }) => {
    const printed: string[] = [];
    const log = jest.spyOn(console, 'log').mockImplementation((...values: unknown[]) => {
      printed.push(values.map(String).join(' '));
    });
    // A reader connects to a server of their own; here the connection is already open.
    const connect = jest.spyOn(mongoose, 'connect').mockResolvedValue(mongoose);
    try {
      await runModule(toModule(snippets), sourceOf(file));
    } finally {
      log.mockRestore();
      connect.mockRestore();
    }
    const promised = findPromised(snippets);
    expect(promised.length).toBeGreaterThan(0);
    expect(printed).toEqual(promised);
  });

  it('that are called JavaScript have no types', () => {
    const scripts = documents.flatMap(({ snippets }) =>
      snippets.filter(({ language }) => language === 'js'),
    );
    expect(scripts.length).toBeGreaterThan(2);
    for (const { code } of scripts) {
      const module = ts.transpileModule(code, { fileName: 'snippet.js', reportDiagnostics: true });
      expect(module.diagnostics).toEqual([]);
      const body = code.replace(/^import [\s\S]*?;$/gm, '');
      expect(() => new vm.Script(`async () => {\n${body}\n}`)).not.toThrow();
    }
  });
});

/** Runs the code of a document, as its reader would. */
async function runModule(code: string, file: string): Promise<void> {
  const { outputText } = ts.transpileModule(code, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const fromDisk = createRequire(file);
  const modules: Record<string, unknown> = { mongoose, 'mongoose-unique-guard': uniqueGuard };
  const exported: { run?: () => Promise<void> } = {};
  // eslint-disable-next-line @typescript-eslint/no-implied-eval -- the purpose of the test
  new Function('require', 'exports', outputText)(
    (name: string) => modules[name] ?? fromDisk(name),
    exported,
  );
  await exported.run?.();
}

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
