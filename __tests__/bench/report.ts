/** The table that `npm run bench` prints and keeps in a guide. */
import { readFileSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import mongoose from 'mongoose';
import * as prettier from 'prettier';
import { toAltText, toChart } from './chart';

export interface Row {
  what: string;
  measured: string;
  /** What it must not exceed, or fall below, as text; and whether it holds. */
  bar: string;
  isMet: boolean;
}

const GUIDE = path.resolve(__dirname, '../../examples/internals/README.md');
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

/** Formatted as the whole guide, whether or not every bar is met. */
export async function writeToGuide(table: string): Promise<void> {
  const guide = readFileSync(GUIDE, 'utf8');
  if (!BETWEEN.test(guide)) throw new Error(`${GUIDE} has no place for the benchmarks`);
  const changed = guide.replace(
    BETWEEN,
    (_, start: string, end: string) => `${start}\n${table}\n${end}`,
  );
  const config = await prettier.resolveConfig(GUIDE);
  writeFileSync(GUIDE, await prettier.format(changed, { ...config, filepath: GUIDE }));
}

const CHART = path.resolve(__dirname, '../../examples/internals/cost.svg');
const README = path.resolve(__dirname, '../../README.md');
const IMAGE = /!\[[^\]]*\](?=\(examples\/internals\/cost\.svg\))/;

/** The chart, and its numbers in words: npm shows the README without the image. */
export function writeChart(rows: Pick<Row, 'what' | 'measured'>[]): void {
  writeFileSync(CHART, toChart(rows));
  const readme = readFileSync(README, 'utf8');
  if (!IMAGE.test(readme)) throw new Error(`${README} has no place for the chart`);
  writeFileSync(
    README,
    readme.replace(IMAGE, () => `![${toAltText(rows)}]`),
  );
}

/** The rows of the table that the guide has. */
export function readRows(guide: string): Pick<Row, 'what' | 'measured'>[] {
  const [table = ''] = BETWEEN.exec(guide) ?? [];
  const cells = table
    .split('\n')
    .filter((line) => line.startsWith('|'))
    .slice(2)
    .map((line) => line.split('|').map((cell) => cell.trim()));
  return cells.map(([, what = '', measured = '']) => ({ what, measured }));
}
