import { createRequire } from 'node:module';
import vm from 'node:vm';
import mongoose from 'mongoose';
import * as uniqueGuard from 'mongoose-unique-guard';
import ts from 'typescript';
import { testUri } from '../support/database';
import { documents, findPromised, sourceOf, toModule } from './documents';

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
