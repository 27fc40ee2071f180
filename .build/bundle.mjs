/**
 * Builds dist from lib: one file for the library, one for the command line and one for what both use,
 * with the names of functions kept for stack traces, and one file of types.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { rollup } from 'rollup';
import { dts } from 'rollup-plugin-dts';
import { minify } from 'terser';
import ts from 'typescript';

const root = path.resolve(import.meta.dirname, '..');
const dir = path.join(root, 'dist');
const external = (id) => !id.startsWith('.') && !path.isAbsolute(id);

const typescript = {
  name: 'typescript',
  resolveId: (source, importer) =>
    importer !== undefined && source.startsWith('.')
      ? path.resolve(path.dirname(importer), `${source}.ts`)
      : null,
  transform: (code) => ({
    code: ts.transpileModule(code, {
      compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
    }).outputText,
    map: null,
  }),
};

const terser = {
  name: 'terser',
  renderChunk: async (code) => {
    const { code: minified } = await minify(code, {
      ecma: 2022,
      compress: { sequences: false, passes: 2 },
      mangle: { keep_fnames: true, keep_classnames: true, toplevel: true },
      // A line for each statement, so that a stack trace's line says something.
      format: { beautify: true, indent_level: 0 },
    });
    return { code: minified, map: null };
  },
};

await rm(dir, { recursive: true, force: true });
const input = { index: path.join(root, 'lib/index.ts'), cli: path.join(root, 'lib/cli.ts') };
const code = await rollup({ input, external, plugins: [typescript, terser] });
await code.write({ dir, format: 'cjs', exports: 'named', chunkFileNames: 'shared.js' });
const tsconfig = path.join(root, 'lib/tsconfig.json');
const types = await rollup({ input: input.index, external, plugins: [dts({ tsconfig })] });
await types.write({ file: path.join(dir, 'index.d.ts'), format: 'es' });
