/** The chart of the ratios that `npm run bench` draws for the README, as SVG, and the same in words. Pure. */
import type { Row } from './report';

type Measured = Pick<Row, 'what' | 'measured'>;

interface Bar {
  label: string;
  /** The row of the table, and the place of the number in its cell. */
  what: string;
  place?: number;
}

interface Group {
  heading: string;
  /** The value of a full bar. */
  most: number;
  /** Where a line is drawn: the two take the same time. */
  same?: number;
  bars: Bar[];
}

const VALIDATOR = 'over the same with mongoose-unique-validator';
const CALLERS = 'failed of 50 callers at once on one new key: saveOrUpsert, and findOne then save';

const ratios = (heading: string, bars: Bar[]): Group => ({ heading, most: 1.5, same: 1, bars });

const GROUPS: Group[] = [
  ratios(
    'Time of a write, without the plugin = 1',
    ['create', 'insertMany of 1,000', 'updateOne', 'findOneAndUpdate'].map((label) => ({
      label,
      what: `${label}: with the plugin over without`,
    })),
  ),
  ratios('Time, mongoose-unique-validator = 1', [
    { label: 'create', what: `create, ${VALIDATOR}` },
    { label: 'insertMany of 100', what: `insertMany of 100, ${VALIDATOR}` },
  ]),
  ratios('Time of saveOrUpsert, the other way = 1', [
    { label: 'findOne then save', what: 'saveOrUpsert over findOne, then save' },
    {
      label: 'a bare upsert',
      what: 'saveOrUpsert over a bare findOneAndUpdate upsert, a value changed',
    },
  ]),
  {
    heading: 'Failed of 50 callers on one new key',
    most: 50,
    bars: [
      { label: 'saveOrUpsert', what: CALLERS },
      { label: 'findOne then save', what: CALLERS, place: 1 },
    ],
  },
];

const WIDTH = 360;
const LEFT = 140;
const FULL = 170;
const LINE = 20;

/** 360 wide, so that its text is as large as that of the page on a phone; on a background of its own. */
export function toChart(rows: Measured[]): string {
  const parts: string[] = [];
  let y = 8;
  for (const { heading, most, same, bars } of GROUPS) {
    y += 20;
    parts.push(`<text class="heading" x="12" y="${y}">${escape(heading)}</text>`);
    const top = y + 6;
    y = top;
    for (const bar of bars) {
      const value = findNumber(rows, bar);
      const width = Math.min(1, Number(value) / most) * FULL;
      parts.push(
        `<text x="12" y="${y + 14}">${escape(bar.label)}</text>`,
        `<rect class="bar" x="${LEFT}" y="${y + 4}" width="${round(width)}" height="12"/>`,
        `<text class="value" x="${WIDTH - 12}" y="${y + 14}">${escape(value)}</text>`,
      );
      y += LINE;
    }
    if (same === undefined) continue;
    const x = round(LEFT + (same / most) * FULL);
    parts.push(`<path class="same" d="M${x} ${top}V${y}"/>`);
  }
  const height = y + 10;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>${escape(toAltText(rows))}</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="back" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="6"/>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

/** Every number of the chart, for readers who do not see it. */
export function toAltText(rows: Measured[]): string {
  return GROUPS.map(
    ({ heading, bars }) =>
      `${heading}: ${bars.map((bar) => `${bar.label} ${findNumber(rows, bar)}`).join(', ')}.`,
  ).join(' ');
}

const STYLE = [
  'text{font:12px system-ui,sans-serif;fill:#1f2328}',
  '.heading{font-weight:600}.value{text-anchor:end}',
  '.back{fill:#fff;stroke:#d1d9e0}',
  '.bar{fill:#0969da}',
  '.same{stroke:#1f2328;stroke-dasharray:3 2}',
  '@media(prefers-color-scheme:dark){',
  'text{fill:#f0f6fc}.back{fill:#0d1117;stroke:#3d444d}.bar{fill:#4493f8}.same{stroke:#f0f6fc}',
  '}',
].join('');

/** As the table has it: `0.99` of `0.99 (0.95 to 1.06)`, `40` of `0, and 40`. */
function findNumber(rows: Measured[], { what, place = 0 }: Bar): string {
  const row = rows.find((one) => one.what === what);
  const number = row?.measured.match(/[\d.]+/g)?.[place];
  if (number === undefined) throw new Error(`The chart has no measurement of "${what}".`);
  return number;
}

const round = (value: number): number => Math.round(value * 10) / 10;

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
