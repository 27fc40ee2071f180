/**
 * Is reading an error linear in its size? Prints the time per byte of a 1 MB message over that of a
 * 1 kB one, interleaved, as medians, for messages made to be slow. Run by `npm run bench`.
 */
import { parseDuplicateKey } from '../../lib/error/duplicate-key';

const HEAD = 'E11000 duplicate key error collection: db.users index: email_1 dup key: { email: "';
const SHAPES: Record<string, (size: number) => string> = {
  'a long value': (size) => HEAD + 'x'.repeat(size),
  'index delimiters in the value': (size) => HEAD + ' index: '.repeat(size / 8),
  'key delimiters in the value': (size) => HEAD + ' dup key: '.repeat(size / 10),
  'blanks in the name': (size) => HEAD.slice(0, HEAD.indexOf('email_1')) + ' '.repeat(size),
  'no delimiter at all': (size) => 'E11000 duplicate key error collection: ' + 'x'.repeat(size),
  'half delimiters': (size) => HEAD.slice(0, HEAD.indexOf('email_1')) + ' dup key'.repeat(size / 8),
  'quotes, of a server that names the index': (size) => ": Index '" + "'".repeat(size),
  'another text': (size) => 'E11000 '.repeat(size / 7),
};
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

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

console.log('time per byte, 1 MB over 1 kB (at most 1 is linear or better)');
for (const [name, make] of Object.entries(SHAPES)) {
  // A text that is joined from parts is flattened on its first use: that is not ours to measure.
  const [small, large] = [SMALL, LARGE].map((size) => Buffer.from(make(size)).toString()) as [
    string,
    string,
  ];
  const rounds = Array.from(
    { length: ROUNDS },
    () => [timePerByte(small), timePerByte(large)] as const,
  );
  const ratio = median(rounds.map(([s, l]) => l / s));
  console.log(`${ratio.toFixed(2).padStart(6)}  ${name}`);
}
