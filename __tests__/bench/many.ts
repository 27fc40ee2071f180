/** saveOrUpsertMany over Model.bulkWrite of the same upserts, which casts as well and does nothing else. */
import { Mongoose } from 'mongoose';
import { compare, type Run } from './measure';
import { startProxy } from './proxy';
import type { Row } from './report';
import { makeModel, toRow, type BenchModel } from './writes';

const ROWS = 20_000;
const ROUND_TRIP = 5;

interface Input {
  email: string;
  name: string;
  visits: number;
}

const toInputs = (key: string, visits: number): Input[] =>
  Array.from({ length: ROWS }, (_, n) => ({
    email: `${key}${String(n)}@x.org`,
    name: 'User',
    visits,
  }));

const withPlugin = (model: BenchModel, inputs: Input[]) => model.saveOrUpsertMany(inputs);

function byHand(model: BenchModel, inputs: Input[]) {
  const operations = inputs.map(({ email, ...rest }) => ({
    updateOne: { filter: { email }, update: { $set: rest }, upsert: true },
  }));
  return model.bulkWrite(operations, { ordered: false });
}

type Side = (model: BenchModel, inputs: Input[]) => Promise<unknown>;

/** New rows, existing rows that all change, half change, or stay; each side has a model of its own. */
async function benchOn(
  mongoose: Mongoose,
  where: string,
  rounds: number,
  bars: Bars,
): Promise<Row[]> {
  const [subject, baseline] = [
    await makeModel(mongoose, `Many${where.length}`, 'guard'),
    await makeModel(mongoose, `ManyByHand${where.length}`, undefined),
  ];
  const run = async (toRows: (n: number) => Input[]) => {
    const side =
      (one: Side, model: BenchModel): Run =>
      (n) =>
        one(model, toRows(n));
    return compare(side(withPlugin, subject), side(byHand, baseline), { rounds, operations: 1 });
  };
  const half = (n: number) => {
    const same = toInputs('old', -1);
    return toInputs('old', n).map((row, at) => (at % 2 === 0 ? row : (same[at] ?? row)));
  };
  await withPlugin(subject, toInputs('old', -1));
  await byHand(baseline, toInputs('old', -1));
  const cases: [string, number | undefined, (n: number) => Input[]][] = [
    ['none changed', bars.same, () => toInputs('old', -1)],
    ['half of them changed', bars.half, half],
    ['all changed', bars.changed, (n) => toInputs('old', n)],
    ['new', bars.inserted, (n) => toInputs(`new${String(n)}-`, n)],
  ];
  const rows: Row[] = [];
  for (const [what, bar, toRows] of cases) {
    if (bar === undefined) continue;
    const title = `saveOrUpsertMany of 20,000 rows, ${what}${where}, over Model.bulkWrite of the same upserts`;
    rows.push(toRow(title, await run(toRows), bar));
  }
  return rows;
}

interface Bars {
  same?: number;
  half?: number;
  changed: number;
  inserted: number;
}

export async function benchMany(mongoose: Mongoose, rounds = 5): Promise<Row[]> {
  const bars = { same: 0.7, half: 1.1, changed: 1.25, inserted: 1.25 };
  const near = await benchOn(mongoose, '', rounds, bars);
  const { host, port, name } = mongoose.connection;
  const proxy = await startProxy(`mongodb://${host}:${String(port)}/${name}`, ROUND_TRIP);
  const remote = new Mongoose();
  try {
    await remote.connect(proxy.uri);
    const far = ` and ${String(ROUND_TRIP)} ms away`;
    return [...near, ...(await benchOn(remote, far, rounds, { changed: 1.1, inserted: 1.1 }))];
  } finally {
    await remote.disconnect();
    await proxy.stop();
  }
}
