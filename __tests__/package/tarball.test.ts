import { readdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import ts from 'typescript';
import { findPacked } from './packed';
import { root, run, runTool } from './run';

const tarball = findPacked('TARBALL');
const directory = path.join(findPacked('DIRECTORY'), 'unpacked');
const read = (file: string) => readFileSync(path.join(directory, 'package', file), 'utf8');
let files: string[];

beforeAll(async () => {
  await run('mkdir', [directory]);
  await run('tar', ['xzf', tarball, '-C', directory]);
  files = readdirSync(path.join(directory, 'package'), { recursive: true, encoding: 'utf8' })
    .filter((file) => statSync(path.join(directory, 'package', file)).isFile())
    .sort();
});

it('holds what is compiled from lib, file by file, the documents, and nothing else', () => {
  const sources = readdirSync(path.join(root, 'lib'), { recursive: true, encoding: 'utf8' });
  const compiled = sources
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `dist/${file.split(path.sep).join('/').replace(/\.ts$/, '.js')}`);
  const documents = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'];
  expect(compiled.length).toBeGreaterThan(40);
  expect(files.filter((file) => !file.endsWith('.d.ts'))).toEqual(
    [...documents, ...compiled].sort(),
  );
});

it('holds the types that its entry leads to, and no others', () => {
  const place = path.join(directory, 'package');
  const program = ts.createProgram([path.join(place, 'dist/index.d.ts')], { skipLibCheck: true });
  const loaded = program
    .getSourceFiles()
    .map(({ fileName }) => path.relative(place, fileName))
    .filter((file) => file.startsWith('dist'));
  expect(loaded.length).toBeGreaterThan(10);
  expect(files.filter((file) => file.endsWith('.d.ts'))).toEqual(loaded.sort());
});

it('is smaller than 150 kB', () => {
  expect(statSync(tarball).size).toBeLessThan(150_000);
});

it('can be read: function names, comments and line breaks are those of the source', () => {
  const hooks = read('dist/hooks.js');
  expect(hooks).toContain('function convertSaveError(error, _result, next) {\n');
  expect(hooks).toContain('/** Mongoose calls error handlers only for errors');
});

it('has no source maps, for there is no source to point to', () => {
  expect(files.filter((file) => read(file).includes('sourceMappingURL'))).toEqual([]);
});

it('contains no path of the machine that packed it', () => {
  expect(files.filter((file) => read(file).includes(root))).toEqual([]);
});

it('holds every file that its package.json points to', () => {
  const { main, types, exports, bin } = JSON.parse(read('package.json')) as Record<string, object>;
  const targets = JSON.stringify([main, types, exports, bin]).match(/(?<=")\.\/?[^"]*\.\w+(?=")/g);
  expect(targets).toContain('./dist/index.js');
  expect(files).toEqual(expect.arrayContaining((targets ?? []).map((one) => path.normalize(one))));
});

it('keeps the comments of the declarations for the editor', () => {
  expect(read('dist/augment.d.ts')).toContain('@throws TypeError');
});

it('has nothing that publint would say', async () => {
  const output = await runTool('publint', [tarball, '--strict']);
  expect(output).toContain('All good!');
});

it('resolves with its types in every resolution mode, the old node10 too', async () => {
  const output = await runTool('attw', [tarball, '--format', 'json']);
  const { analysis, problems } = JSON.parse(output) as Record<string, object>;
  expect(analysis).toHaveProperty(['entrypoints', '.', 'resolutions']);
  expect(problems ?? {}).toEqual({});
});

it('exports no name that the consumer of the package tests does not use', () => {
  const exported = namesOf(path.join(root, 'lib/index.ts'), ts.isExportDeclaration);
  const used = namesOf(path.join(__dirname, 'consumer.ts'), ts.isImportDeclaration);
  expect(exported.length).toBeGreaterThan(20);
  expect(exported.filter((name) => !used.includes(name))).toEqual([]);
});

/** The names between the braces. An import that nothing uses fails the consumer's type check. */
function namesOf(file: string, isWanted: (node: ts.Node) => boolean): string[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest);
  const names: string[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isExportSpecifier(node) || ts.isImportSpecifier(node)) names.push(node.name.text);
    ts.forEachChild(node, visit);
  };
  source.statements.filter(isWanted).forEach(visit);
  return names;
}
