/** After the build: deletes the declaration files that `index.d.ts` does not lead to. They are a third of the package, and nobody can import them. */
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';

const DIST = resolve(import.meta.dirname, '../dist');
const reached = new Set();

function follow(file) {
  if (reached.has(file)) return;
  reached.add(file);
  for (const [, path] of readFileSync(file, 'utf8').matchAll(
    /\b(?:from|import\()\s*'(\.[^']+)'/g,
  )) {
    follow(`${join(dirname(file), path)}.d.ts`);
  }
}

follow(join(DIST, 'index.d.ts'));
for (const name of readdirSync(DIST, { recursive: true })) {
  const file = join(DIST, name);
  if (name.endsWith('.d.ts') && !reached.has(file)) rmSync(file);
}
