import { Mongoose, Schema, type ClientSession } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase, withMongoose } from '../support/database';
import { rejection, type AnyModel } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

const userSchema = () =>
  new Schema({
    n: { type: Number, default: 0 },
    email: { type: String, unique: true },
    username: { type: String, unique: true, sparse: true },
    name: String,
  });

let User: AnyModel;
beforeAll(async () => {
  User = await compile(userSchema(), { conflictTarget: 'email' });
});
beforeEach(() => User.deleteMany());
const raw = () => User.collection.find().sort({ email: 1 }).toArray();

type Write = (session: ClientSession, n: number) => Promise<unknown>;
const WRITES: Record<string, Write> = {
  update: (session, n) => User.saveOrUpsert({ email: 'a', n }, { session }),
  skip: (session, n) => User.saveOrUpsert({ email: 'a', n }, { session, onConflict: 'skip' }),
  replace: (session, n) => User.saveOrUpsert({ email: 'a', n }, { session, onConflict: 'replace' }),
  operators: (session) =>
    User.saveOrUpsert({ email: 'a' }, { session, onConflict: { $inc: { n: 1 } } }),
  many: (session, n) => User.saveOrUpsertMany([{ email: 'a', n }], { session }),
};

it.each(Object.entries(WRITES))(
  'two transactions on one key at once end with one document, and both are accounted for: %s',
  async (name, write) => {
    const runs = [0, 0];
    const hasRead = [false, false];
    let release: () => void = () => undefined;
    const bothBegan = new Promise<void>((resolve) => (release = resolve));
    const transaction = (n: number) =>
      mongoose.connection.transaction(async (session) => {
        runs[n] = (runs[n] ?? 0) + 1;
        // A snapshot from before the other has written.
        await User.findOne({ email: 'a' }).session(session);
        hasRead[n] = true;
        if (hasRead.every(Boolean)) release();
        await bothBegan;
        return write(session, n + 1);
      });
    await Promise.all([transaction(0), transaction(1)]);
    const [document, ...others] = await raw();
    expect(others).toEqual([]);
    // The one that lost was run again by the driver, on its label.
    expect(runs.reduce((sum, count) => sum + count)).toBeGreaterThan(2);
    if (name === 'operators') expect(document?.['n']).toBe(2);
    else expect([1, 2]).toContain(document?.['n']);
  },
);

it('a write conflict leaves as the very error of the driver, with its labels', async () => {
  await User.create({ email: 'a' });
  for (const write of [WRITES['update'], WRITES['many']] as Write[]) {
    const session = await mongoose.startSession();
    session.startTransaction();
    await User.findOne({ email: 'a' }).session(session);
    await User.updateOne({ email: 'a' }, { $inc: { n: 1 } });
    const error = await rejection(write(session, 5));
    expect(error).toMatchObject({ code: 112 });
    expect(
      (error as { hasErrorLabel(label: string): boolean }).hasErrorLabel(
        'TransientTransactionError',
      ),
    ).toBe(true);
    await session.abortTransaction();
    await session.endSession();
  }
});

it('saveOrUpsertMany in a transaction is part of it, its ids too', async () => {
  const { _id } = await User.create({ email: 'a' });
  const session = await mongoose.startSession();
  session.startTransaction();
  const outcome = await User.saveOrUpsertMany(
    [{ email: 'a', n: 1 }, { email: 'b' }, { n: 'bad' as never }],
    { session },
  );
  expect(outcome).toMatchObject({ created: 1, updated: 1, failed: 1, results: [{ _id }, {}, {}] });
  expect(await raw()).toMatchObject([{ email: 'a', n: 0 }]);
  await session.abortTransaction();
  await session.endSession();
  expect(await raw()).toHaveLength(1);
});

it("saveOrUpsertMany in a transaction rejects with the first error of the server's, for that ends it", async () => {
  await User.create({ email: 'a', username: 'taken' });
  let runs = 0;
  const transaction = mongoose.connection.transaction(async (session) => {
    runs += 1;
    await User.saveOrUpsertMany([{ email: 'b' }, { email: 'c', username: 'taken' }], { session });
  });
  await expect(transaction).rejects.toMatchObject({
    name: 'ValidationError',
    errors: { username: { kind: 'unique', value: 'taken' } },
  });
  expect(runs).toBe(1);
  expect(await raw()).toHaveLength(1);
});

it('an input that lacks a required path ends no transaction', async () => {
  const Person = await compile(
    new Schema({
      email: { type: String, unique: true },
      name: { type: String, required: true },
      n: Number,
    }),
  );
  await Person.create({ email: 'a', name: 'A' });
  const inputs = [{ email: 'b' }, { email: 'a', n: 1 }, { email: 'c', name: 'C' }];
  const outcome = await mongoose.connection.transaction((session) =>
    Person.saveOrUpsertMany(inputs, { session, validateModifiedOnly: true }),
  );
  expect(outcome).toMatchObject({ created: 1, updated: 1, failed: 1 });
  expect(outcome.results[0]).toMatchObject({ error: { errors: { name: { kind: 'required' } } } });
  expect(await Person.countDocuments()).toBe(2);
});

describe('with transactionAsyncLocalStorage', () => {
  const withStorage = (test: (own: Mongoose, Person: AnyModel) => Promise<void>) =>
    withMongoose(new Mongoose(), async (own) => {
      own.set('transactionAsyncLocalStorage', true);
      const Person = own.model(
        'Person',
        userSchema().plugin(uniqueGuard, { conflictTarget: 'email' }),
      );
      await Person.init();
      await test(own, Person as unknown as AnyModel);
    });

  it('both are part of the transaction that surrounds them, without a session option', () =>
    withStorage(async (own, Person) => {
      const stop = new Error('stop');
      const transaction = own.connection.transaction(async () => {
        await Person.saveOrUpsert({ email: 'a' });
        await Person.saveOrUpsertMany([{ email: 'a', n: 1 }, { email: 'b' }]);
        expect(await Person.countDocuments()).toBe(2);
        throw stop;
      });
      expect(await rejection(transaction)).toBe(stop);
      expect(await Person.countDocuments()).toBe(0);
    }));

  it('a call is tried once there, and `session: null` is outside of it', () =>
    withStorage(async (own, Person) => {
      await Person.create({ email: 'a', username: 'taken' });
      const driver = jest.spyOn(Person.collection, 'findOneAndUpdate');
      const duplicate = { code: 11000, keyPattern: { email: 1 }, keyValue: { email: 'b' } };
      driver.mockRejectedValueOnce(
        Object.assign(new Error('E11000 duplicate key error'), duplicate) as never,
      );
      const transaction = own.connection.transaction(() => Person.saveOrUpsert({ email: 'b' }));
      expect(await rejection(transaction)).toMatchObject({ attempts: 1 });
      expect(driver).toHaveBeenCalledTimes(1);
      const stop = new Error('stop');
      const outside = own.connection.transaction(async () => {
        await Person.saveOrUpsertMany([{ email: 'c' }], { session: null });
        throw stop;
      });
      expect(await rejection(outside)).toBe(stop);
      expect(await Person.countDocuments({ email: 'c' })).toBe(1);
    }));
});
