import { readFileSync } from 'node:fs';
import path from 'node:path';
import { toAltText, toChart } from './chart';
import { readRows } from './report';

const read = (file: string) => readFileSync(path.resolve(__dirname, '../..', file), 'utf8');
const rows = readRows(read('examples/internals/README.md'));

/** The attributes of the elements of one kind, in order. */
const elements = (svg: string, start: string): Record<string, string>[] =>
  [...svg.matchAll(new RegExp(`<${start}[^>]*>`, 'g'))].map(([tag]) =>
    Object.fromEntries(
      [...tag.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
    ),
  );

describe('the chart of the README', () => {
  it('is the one of the table in the guide', () => {
    expect(read('examples/internals/cost.svg')).toBe(toChart(rows));
  });

  it('has all its numbers in the alternative text', () => {
    expect(read('README.md')).toContain(`![${toAltText(rows)}](examples/internals/cost.svg)`);
  });

  it('has every measurement as a label, and in its title', () => {
    const svg = toChart(rows);
    const labels = [...svg.matchAll(/<text[^>]*>([\d.]+)<\/text>/g)].map(([, value]) => value);
    expect(labels).toHaveLength(10);
    const [, title = ''] = /<title>(.*)<\/title>/.exec(svg) ?? [];
    expect(title.match(/ [\d.]+(?=[,.]( |$))/g)?.map((one) => one.trim())).toEqual(labels);
  });

  it('draws a bar as long as its measurement says, and none beyond the edge', () => {
    const longer = rows.map((row) =>
      row.what.startsWith('updateOne') ? { ...row, measured: '99.00 (1 to 100)' } : row,
    );
    const [before, after] = [rows, longer].map((one) =>
      elements(toChart(one), 'rect class="bar"').map(({ width }) => Number(width)),
    ) as [number[], number[]];
    expect(before[8]).toBe(0);
    expect(before[9]).toBeCloseTo((Number(/and (\d+)/.exec(failed())?.[1]) / 50) * 170, 0);
    expect(after[2]).toBe(170);
    expect(after.filter((_, place) => place !== 2)).toEqual(
      before.filter((_, place) => place !== 2),
    );
  });

  it('stays within 360 pixels and does not overlap', () => {
    const svg = toChart(rows);
    const [{ width, height }] = elements(svg, 'svg') as [Record<string, string>];
    expect(Number(width)).toBe(360);
    const baselines = elements(svg, 'text').map(({ y }) => Number(y));
    const lines = [...new Set(baselines)];
    lines.slice(1).forEach((y, place) => {
      expect(y - Number(lines[place])).toBeGreaterThanOrEqual(16);
    });
    expect(Math.max(...baselines)).toBeLessThan(Number(height));
  });

  it('has colours for a dark page, and no content from elsewhere', () => {
    const svg = toChart(rows);
    expect(svg).toContain('@media(prefers-color-scheme:dark)');
    expect(svg.replace('http://www.w3.org/2000/svg', '')).not.toMatch(
      /https?:|<script|<image|url\(/,
    );
  });

  it('is not drawn without one of its measurements', () => {
    for (const { what } of rows.filter(({ what: one }) => toAltTextNeeds(one))) {
      const others = rows.filter((row) => row.what !== what);
      expect(() => toChart(others)).toThrow(`The chart has no measurement of "${what}".`);
    }
  });
});

const failed = () => rows.find(({ what }) => what.startsWith('failed of 50'))?.measured ?? '';

/** Does the chart change with this row? */
function toAltTextNeeds(what: string): boolean {
  const changed = rows.map((row) => (row.what === what ? { what, measured: '7.77, and 8' } : row));
  return toAltText(changed) !== toAltText(rows);
}
