/** Writes on a real server: with the plugin over without, and the statics over what they stand for. */
import { Schema, type Model, type Mongoose } from 'mongoose';
import { uniqueGuard } from '../../lib';
import { compare, quantile, type Comparison, type Run } from './measure';
import type { Row } from './report';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- any path, as a schema of any kind has.
export type BenchModel = Model<any>;

type Plugin = 'guard' | 'validator' | undefined;

export async function makeModel(
  mongoose: Mongoose,
  name: string,
  plugin: Plugin,
  timestamps = true,
): Promise<BenchModel> {
  const schema = new Schema(
    {
      email: { type: String, required: true, unique: true, lowercase: true },
      name: String,
      role: { type: String, default: 'user' },
      visits: { type: Number, default: 0 },
    },
    { timestamps },
  );
  if (plugin === 'guard') schema.plugin(uniqueGuard);
  if (plugin === 'validator') {
    const { default: uniqueValidator } = await import('mongoose-unique-validator');
    schema.plugin(uniqueValidator as never);
  }
  const model = mongoose.model(name, schema) as unknown as BenchModel;
  await model.init();
  return model;
}

const user = (n: number | string) => ({ email: `User${String(n)}@x.org`, name: 'User' });

/** A ratio that must not exceed `most`, or one that must reach `least`. */
export function toRow(what: string, { ratio, low, high }: Comparison, most: number): Row {
  const digits = most < 0.1 ? 3 : 2;
  const text = (value: number) => value.toFixed(digits);
  return {
    what,
    measured: `${text(ratio)} (${text(low)} to ${text(high)})`,
    bar: `at most ${text(most)}`,
    isMet: ratio <= most,
  };
}

export async function benchSuccess(mongoose: Mongoose): Promise<Row[]> {
  const guarded = await makeModel(mongoose, 'Guarded', 'guard');
  const plain = await makeModel(mongoose, 'Plain', undefined);
  const both = async (run: (model: BenchModel) => Run, rounds: number, operations: number) =>
    compare(run(guarded), run(plain), { rounds, operations });
  const thousand = (n: number) =>
    Array.from({ length: 1000 }, (_, row) => user(`${String(n)}-${String(row)}`));
  await Promise.all([guarded, plain].map((model) => model.create(user('a'))));
  const filter = { email: 'usera@x.org' };
  const rows = [
    toRow('create', await both((model) => (n) => model.create(user(n)), 61, 100), 1.03),
    toRow(
      'insertMany of 1,000',
      await both((model) => (n) => model.insertMany(thousand(n)), 31, 2),
      1.03,
    ),
    toRow(
      'updateOne',
      await both((model) => (n) => model.updateOne(filter, { visits: n }), 61, 100),
      1.03,
    ),
    toRow(
      'findOneAndUpdate',
      await both((model) => (n) => model.findOneAndUpdate(filter, { visits: n }), 61, 100),
      1.03,
    ),
  ];
  const refused = (model: BenchModel) => () => model.create(user('a')).catch(() => undefined);
  rows.push(toRow('create that is refused', await both(refused, 61, 100), 1.1));
  return rows.map((row) => ({ ...row, what: `${row.what}: with the plugin over without` }));
}

export async function benchUpsert(mongoose: Mongoose): Promise<Row[]> {
  const model = await makeModel(mongoose, 'Upserted', 'guard');
  const inputs = Array.from({ length: 200 }, (_, n) => user(`upsert${String(n)}`));
  const input = (n: number) => inputs[n % inputs.length] ?? user(n);
  const save: Run = (n) => model.saveOrUpsert(input(n));
  const bare: Run = (n) => {
    const { email, ...rest } = input(n);
    return model.findOneAndUpdate(
      { email },
      { $set: rest },
      { upsert: true, returnDocument: 'after' },
    );
  };
  const findThenSave: Run = async (n) => {
    const { email, ...rest } = input(n);
    const found = (await model.findOne({ email })) ?? new model({ email });
    await found.set({ ...rest, visits: n }).save();
  };
  const rounds = { rounds: 61, operations: 100 };
  const withVisits =
    (one: BenchModel): Run =>
    (n) =>
      one.saveOrUpsert({ ...input(n), visits: n });
  const bareWithVisits =
    (one: BenchModel): Run =>
    (n) => {
      const { email, ...rest } = input(n);
      const update = { $set: { ...rest, visits: n } };
      return one.findOneAndUpdate({ email }, update, { upsert: true, returnDocument: 'after' });
    };
  const timeless = await makeModel(mongoose, 'Timeless', 'guard', false);
  const saveVisits = withVisits(model);
  return [
    toRow(
      'saveOrUpsert over a bare findOneAndUpdate upsert, no value changed',
      await compare(save, bare, rounds),
      1.2,
    ),
    toRow(
      'saveOrUpsert over a bare findOneAndUpdate upsert, a value changed, without timestamps',
      await compare(withVisits(timeless), bareWithVisits(timeless), rounds),
      1.2,
    ),
    toRow(
      'saveOrUpsert over a bare findOneAndUpdate upsert, a value changed',
      await compare(saveVisits, bareWithVisits(model), rounds),
      1.35,
    ),
    toRow(
      'saveOrUpsert over findOne, then save',
      await compare(saveVisits, findThenSave, rounds),
      0.85,
    ),
    await failures(model),
  ];
}

/** 50 callers on one key that is not there yet. */
async function failures(model: BenchModel): Promise<Row> {
  const count = async (name: string, call: (email: string) => Promise<unknown>) => {
    const failed: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const email = `${name}${String(round)}@x.org`;
      const outcomes = await Promise.allSettled(Array.from({ length: 50 }, () => call(email)));
      failed.push(outcomes.filter(({ status }) => status === 'rejected').length);
    }
    return quantile(failed, 0.5);
  };
  const upsert = await count('upsert', (email) => model.saveOrUpsert({ email }));
  const findThenSave = await count('find', async (email) => {
    const found = (await model.findOne({ email })) ?? new model({ email });
    await found.set({ name: 'x' }).save();
  });
  return {
    what: 'failed of 50 callers at once on one new key: saveOrUpsert, and findOne then save',
    measured: `${String(upsert)}, and ${String(findThenSave)}`,
    bar: '0',
    isMet: upsert === 0,
  };
}

export async function benchPeer(mongoose: Mongoose): Promise<Row[]> {
  const guarded = await makeModel(mongoose, 'AgainstValidator', 'guard');
  const validated = await makeModel(mongoose, 'Validated', 'validator');
  const hundred = (n: number) =>
    Array.from({ length: 100 }, (_, row) => user(`${String(n)}-${String(row)}`));
  const create = (model: BenchModel) => (n: number) => model.create(user(n));
  const insertMany = (model: BenchModel) => (n: number) => model.insertMany(hundred(n));
  const rounds = [
    { rounds: 41, operations: 50 },
    { rounds: 21, operations: 2 },
  ] as const;
  return [
    toRow(
      'create, over the same with mongoose-unique-validator',
      await compare(create(guarded), create(validated), rounds[0]),
      1 / 1.4,
    ),
    toRow(
      'insertMany of 100, over the same with mongoose-unique-validator',
      await compare(insertMany(guarded), insertMany(validated), rounds[1]),
      1 / 10,
    ),
  ];
}
