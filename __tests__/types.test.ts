import path from 'node:path';
import mongoose from 'mongoose';
import ts from 'typescript';

const root = path.resolve(__dirname, '..');
const usage = path.join(root, '__tests__/types/usage.ts');

it('the types hold what they say, and refuse what they must', () => {
  const { config } = ts.readConfigFile(path.join(root, 'tsconfig.json'), (name) =>
    ts.sys.readFile(name),
  ) as { config: object };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  // The types of the major that this project runs.
  const major = mongoose.version.startsWith('8.') ? 'mongoose-8' : 'mongoose';
  const paths = { ...options.paths, mongoose: [path.join(root, 'node_modules', major)] };
  const program = ts.createProgram([usage], { ...options, noUnusedLocals: false, paths });
  const diagnostics = ts.getPreEmitDiagnostics(program);
  const texts = diagnostics.map(({ file, start, messageText }) => {
    const line =
      file && start !== undefined ? file.getLineAndCharacterOfPosition(start).line + 1 : 0;
    return `${path.basename(file?.fileName ?? '')}:${String(line)} ${ts.flattenDiagnosticMessageText(messageText, '\n')}`;
  });
  expect(texts).toEqual([]);
  expect(program.getSourceFiles().some(({ fileName }) => fileName.includes(`/${major}/`))).toBe(
    true,
  );
}, 60_000);
