/** The plugin's own time: the driver is stubbed, so that nothing else is in the figures. */
import { Schema, type Mongoose } from 'mongoose';
import { uniqueGuard } from '../../lib';
import { compare, quantile, time } from './measure';
import type { Row } from './report';
import type { BenchModel } from './writes';

const fields = { email: { type: String, unique: true }, name: String };

/** The same model with and without the plugin; the driver's answers are what is given here. */
function stubbedModels(mongoose: Mongoose, insertOne: () => Promise<unknown>) {
  return ['Guarded', 'Plain'].map((name) => {
    const schema = new Schema(fields);
    if (name === 'Guarded') schema.plugin(uniqueGuard);
    const model = mongoose.model(`Stubbed${name}`, schema, undefined, {
      overwriteModels: true,
    }) as unknown as BenchModel;
    Object.assign(model.collection, { insertOne, insertMany: insertOne });
    return model;
  }) as [BenchModel, BenchModel];
}

export async function benchStubbed(mongoose: Mongoose): Promise<Row[]> {
  return [await success(mongoose), await oneError(mongoose), await manyRows(mongoose)];
}

async function success(mongoose: Mongoose): Promise<Row> {
  const answer = { acknowledged: true };
  const [guarded, plain] = stubbedModels(mongoose, () => Promise.resolve(answer));
  const { difference } = await compare(
    (n) => guarded.create({ email: String(n) }),
    (n) => plain.create({ email: String(n) }),
    { rounds: 31, operations: 2000 },
  );
  return toRow("the plugin's own time on a successful create, driver stubbed", difference, 2);
}

async function oneError(mongoose: Mongoose): Promise<Row> {
  const { MongoServerError } = mongoose.mongo;
  const description = {
    message:
      'E11000 duplicate key error collection: bench.stubbedguardeds index: email_1 dup key: { email: "a" }',
    code: 11000,
    keyPattern: { email: 1 },
    keyValue: { email: 'a' },
  };
  const [guarded, plain] = stubbedModels(mongoose, () =>
    Promise.reject(new MongoServerError(description)),
  );
  const reject = (model: BenchModel) => (n: number) =>
    model.create({ email: String(n) }).catch((error: unknown) => error);
  const { difference } = await compare(reject(guarded), reject(plain), {
    rounds: 31,
    operations: 1000,
  });
  const what =
    'turning one error into a ValidationError, over rejecting with the raw one, driver stubbed';
  return toRow(what, difference, 30);
}

/** Microseconds more than without the plugin. */
function toRow(what: string, difference: number, most: number): Row {
  const measured = `${difference.toFixed(most < 10 ? 1 : 0)} µs`;
  return { what, measured, bar: `at most ${most} µs`, isMet: difference <= most };
}

async function manyRows(mongoose: Mongoose): Promise<Row> {
  const perRow: number[] = [];
  for (const count of [1000, 10_000, 100_000]) {
    const times: number[] = [];
    // The first rounds are slow until V8 has compiled what they run.
    const warmUp = 10_000 / count;
    for (let round = -warmUp; round < 5; round += 1) {
      const rejected = makeBulkError(mongoose, count);
      const [guarded] = stubbedModels(mongoose, () => Promise.reject(rejected));
      const insert = () =>
        guarded.insertMany([{ email: 'a' }], { ordered: false }).catch((error: unknown) => error);
      const perOne = (await time(insert, 1)) / count;
      if (round >= 0) times.push(perOne);
    }
    perRow.push(quantile(times, 0.5));
  }
  const factor = Math.max(...perRow) / Math.min(...perRow);
  return {
    what: 'a duplicate row of an insertMany: the longest time for one of 1,000, 10,000 and 100,000 over the shortest',
    measured: factor.toFixed(2),
    bar: 'at most 1.5',
    isMet: factor <= 1.5,
  };
}

/** As the driver makes it: rows with the server's text and the document that was sent. */
function makeBulkError(mongoose: Mongoose, count: number): Error {
  const writeErrors = Array.from({ length: count }, (_, index) => ({
    index,
    code: 11000,
    errmsg: `E11000 duplicate key error collection: bench.stubbedguardeds index: email_1 dup key: { email: "${String(index)}" }`,
    err: {
      index,
      code: 11000,
      errmsg: `E11000 duplicate key error collection: bench.stubbedguardeds index: email_1 dup key: { email: "${String(index)}" }`,
      op: { _id: new mongoose.Types.ObjectId(), email: String(index) },
    },
  }));
  return Object.assign(new Error('E11000 duplicate key error'), {
    name: 'MongoBulkWriteError',
    code: 11000,
    writeErrors,
    result: { insertedCount: 0, insertedIds: {} },
  });
}
