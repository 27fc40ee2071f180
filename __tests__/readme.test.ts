import { readFileSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import mongoose from 'mongoose';
import * as uniqueGuard from 'mongoose-unique-guard';
import { withMongoose } from './support/database';

const root = path.resolve(__dirname, '..');
const readme = readFileSync(path.join(root, 'README.md'), 'utf8');
const snippets = [...readme.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code ?? '');

/** All snippets as one module: the first, the quick start, is the scope of the others. */
function toModule(all: string[]): string {
  const imports = all.flatMap((code) => code.match(/^import .*;$/gm) ?? []);
  const [body = '', ...others] = all.map((code) => code.replace(/^import .*;$/gm, ''));
  const blocks = others.map((code) => `{\n${code}\n}`);
  return `${imports.join('\n')}\nexport async function run() {\n${[body, ...blocks].join('\n')}\n}\n`;
}

/** What the comments beside `console.log` say it prints. */
const promised = snippets
  .join('\n')
  .split('\n')
  .flatMap((line) => /console\.log\(.*\); \/\/ (.*)$/.exec(line)?.[1] ?? []);

it('has snippets that compile under strict options', () => {
  const file = path.join(root, '__tests__/readme-snippets.ts');
  const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), (name) =>
    ts.sys.readFile(name),
  ) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  const fromDisk = host.getSourceFile.bind(host);
  host.getSourceFile = (name, target) =>
    name === file ? ts.createSourceFile(name, toModule(snippets), target) : fromDisk(name, target);
  const program = ts.createProgram([file], { ...options, noUnusedLocals: false }, host);
  const diagnostics = ts.getPreEmitDiagnostics(program, program.getSourceFile(file));
  expect(
    diagnostics.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n')),
  ).toEqual([]);
}, 60_000);

it('has snippets that print what they say', () =>
  withMongoose(mongoose, async () => {
    const printed: string[] = [];
    const log = jest.spyOn(console, 'log').mockImplementation((...values: unknown[]) => {
      printed.push(values.map(String).join(' '));
    });
    try {
      const { outputText } = ts.transpileModule(toModule(snippets), {
        compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
      });
      const modules: Record<string, unknown> = { mongoose, 'mongoose-unique-guard': uniqueGuard };
      const exported: { run?: () => Promise<void> } = {};
      // The README's own code, as its reader would run it.
      // eslint-disable-next-line @typescript-eslint/no-implied-eval
      new Function('require', 'exports', outputText)((name: string) => modules[name], exported);
      await exported.run?.();
    } finally {
      log.mockRestore();
    }
    expect(promised.length).toBeGreaterThan(5);
    expect(printed).toEqual(promised);
  }));

it('tells the commands that package.json and the continuous integration run', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  expect(readme).toContain('npm ci && npm start');
  expect(readme).toContain('npm ci && npm test');
  expect(readme).toContain('npm run test:stress');
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(['start', 'test', 'test:stress']));
  const ci = readFileSync(path.join(root, '.ci/run'), 'utf8');
  expect(ci).toMatch(/^npm ci$/m);
  const [, suites = ''] = /^for suite in (.*); do$/m.exec(ci) ?? [];
  const tests = Object.keys(scripts).filter((name) => /^test(:|$)/.test(name));
  expect(suites.split(' ').sort()).toEqual(tests.sort());
  for (const name of tests)
    expect(readme).toContain(name === 'test' ? 'npm test' : `npm run ${name}`);
});

describe('has a table of the options, and the types have the same', () => {
  const program = ts.createProgram([path.join(root, 'lib/index.ts')], {
    strict: true,
    noEmit: true,
  });
  const checker = program.getTypeChecker();
  const entry = program.getSourceFile(path.join(root, 'lib/index.ts'));
  const exported = entry
    ? checker.getExportsOfModule(checker.getSymbolAtLocation(entry) as ts.Symbol)
    : [];
  const optionsOf = (name: string) => {
    const symbol = exported.find((one) => one.name === name) as ts.Symbol;
    const type = checker.getDeclaredTypeOfSymbol(
      symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol,
    );
    return type.getProperties().map((property) => property.name);
  };
  /** The first column of the tables of options below a heading. */
  const tableBelow = (heading: string) => {
    const after = readme.slice(readme.indexOf(`\n${heading}\n`) + heading.length + 2);
    const section = after.slice(0, after.search(/^#{1,4} /m));
    const table = section.slice(section.indexOf('\n| option'));
    return [...table.matchAll(/^\| `([\w-]+)/gm)].map(([, name]) => name);
  };
  const without = (names: string[], others: string[]) =>
    names.filter((name) => !others.includes(name));

  it.each([
    ['## Messages and translation', optionsOf('UniqueGuardOptions')],
    ['### Problem details', optionsOf('ProblemDetailsOptions')],
    ['### Strategies', optionsOf('SaveOrUpsertOptions')],
    [
      '## Many at once',
      without(optionsOf('SaveOrUpsertManyOptions'), optionsOf('SaveOrUpsertOptions')),
    ],
    ['### Asking before a write: checkUnique', optionsOf('CheckUniqueOptions')],
    ['### Why not drop the index', optionsOf('AuditOptions')],
  ])('%s', (heading, options) => {
    expect(readme).toContain(`\n${heading}\n`);
    expect(options.length).toBeGreaterThan(1);
    expect(tableBelow(heading).sort()).toEqual([...options].sort());
  });

  it('those of a single index and of a single call stand in the text', () => {
    for (const option of optionsOf('UniqueIndexOptions')) expect(readme).toContain(`\`${option}\``);
  });
});
