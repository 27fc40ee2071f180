/** Is reading an error linear in its size? For messages that are made to be slow. */
import { parseDuplicateKey } from '../../lib/convert/parse-duplicate-key';
import { quantile } from './measure';
import type { Row } from './report';

const HEAD = 'E11000 duplicate key error collection: db.users index: email_1 dup key: { email: "';
const SHAPES: ((size: number) => string)[] = [
  (size) => HEAD + 'x'.repeat(size),
  (size) => HEAD + ' index: '.repeat(size / 8),
  (size) => HEAD + ' dup key: '.repeat(size / 10),
  (size) => HEAD.slice(0, HEAD.indexOf('email_1')) + ' '.repeat(size),
  (size) => 'E11000 duplicate key error collection: ' + 'x'.repeat(size),
  (size) => HEAD.slice(0, HEAD.indexOf('email_1')) + ' dup key'.repeat(size / 8),
  (size) => ": Index '" + "'".repeat(size),
  (size) => 'E11000 '.repeat(size / 7),
];
const NAMES = ['email_1', 'tenant_1_slug_1', '_id_'];
const SMALL = 1000;
const LARGE = 1_000_000;
const ROUNDS = 15;

/** Nanoseconds for each byte; a small message is read as often as it takes to read as many bytes. */
function timePerByte(text: string): number {
  const times = Math.ceil(LARGE / text.length);
  const start = process.hrtime.bigint();
  for (let n = 0; n < times; n += 1) parseDuplicateKey({ text }, NAMES);
  return Number(process.hrtime.bigint() - start) / (times * text.length);
}

export function benchParse(): Row[] {
  const worst = SHAPES.map((make) => {
    // A text that is joined from parts is flattened on its first use: that is not ours to measure.
    const [small, large] = [SMALL, LARGE].map((size) => Buffer.from(make(size)).toString());
    const ratios = Array.from(
      { length: ROUNDS },
      () => timePerByte(large ?? '') / timePerByte(small ?? ''),
    );
    return quantile(ratios, 0.5);
  });
  const ratio = Math.max(...worst);
  return [
    {
      what: 'reading an error message: time per byte of 1 MB over that of 1 kB, the worst of 8 hostile messages',
      measured: ratio.toFixed(2),
      bar: 'at most 1.1',
      isMet: ratio <= 1.1,
    },
  ];
}
