/** The table that `npm run bench` prints and keeps in the README. */
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import mongoose from 'mongoose';
import * as prettier from 'prettier';

export interface Row {
  what: string;
  measured: string;
  /** What it must not exceed, or fall below, as text; and whether it holds. */
  bar: string;
  isMet: boolean;
}

const README = path.resolve(__dirname, '../../README.md');
const BETWEEN = /(<!-- bench -->\n)[\s\S]*?(<!-- \/bench -->)/;

export function toTable(rows: Row[], mongodb: string): string {
  const cells = rows.map(({ what, measured, bar, isMet }) => [
    what,
    measured,
    isMet ? bar : `${bar} (not met)`,
  ]);
  const lines = [['', 'measured', 'bar'], ['---', '---', '---'], ...cells];
  const { model = 'unknown' } = os.cpus()[0] ?? {};
  const machine =
    `${String(os.cpus().length)} cores of ${model.trim()}, Node ${process.versions.node}, ` +
    `Mongoose ${mongoose.version}, MongoDB ${mongodb}, ${new Date().toISOString().slice(0, 10)}`;
  return `${lines.map((line) => `| ${line.join(' | ')} |`).join('\n')}\n\n${machine}.\n`;
}

/** Formatted as all the README, whether or not every bar is met. */
export async function writeToReadme(table: string): Promise<void> {
  const readme = readFileSync(README, 'utf8');
  if (!BETWEEN.test(readme)) throw new Error('README.md has no place for the benchmarks');
  const changed = readme.replace(
    BETWEEN,
    (_, start: string, end: string) => `${start}\n${table}\n${end}`,
  );
  const config = await prettier.resolveConfig(README);
  writeFileSync(README, await prettier.format(changed, { ...config, filepath: README }));
}
