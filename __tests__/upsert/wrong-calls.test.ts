import type * as Mongoose8 from 'mongoose';
import { Schema } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';
import { useDatabase } from '../support/database';
import type { AnyModel } from '../support/writes';

const mongoose = useDatabase();
const schema = new Schema({ email: { type: String, unique: true }, name: String, n: Number });
const model = mongoose.model('User', schema.plugin(uniqueGuard)) as unknown as AnyModel & {
  saveOrUpsert(...args: unknown[]): Promise<unknown>;
  saveOrUpsertMany(...args: unknown[]): Promise<unknown>;
};

describe('saveOrUpsert called like findOneAndUpdate rejects, and shows the call wanted', () => {
  it.each<[object, string]>([
    [{ $set: { name: 'A' } }, 'saveOrUpsert({ email, name }).'],
    [{ name: 'A' }, 'saveOrUpsert({ email, name }).'],
    [
      { $set: { name: 'A', email: 'b' }, $setOnInsert: { n: 1 } },
      'saveOrUpsert({ email, name, n }).',
    ],
    [{ $inc: { n: 1 } }, 'saveOrUpsert({ email }, { onConflict: { $inc: { … } } }).'],
    [{ $set: 5 }, 'saveOrUpsert({ email }).'],
  ])('%j', async (update, call) => {
    await expect(model.saveOrUpsert({ email: 'a' }, update)).rejects.toThrow(
      expect.objectContaining({
        name: 'TypeError',
        message: expect.stringContaining(call) as string,
      }),
    );
  });

  it.each([[{ lean: true, nmae: 1 }], [{ update: 'all' }], [{ saveMiddleware: 'skip' }]])(
    'but not for %j, which has an option',
    async (options) => {
      const call = model.saveOrUpsert({ email: 'a' }, options);
      await expect(call).rejects.toThrow(/^saveOrUpsert: (?!.*holds all paths)/);
    },
  );
});

it('saveOrUpsertMany of a promise says to await it', async () => {
  await expect(model.saveOrUpsertMany(Promise.resolve([]))).rejects.toThrow(
    'saveOrUpsertMany: the inputs are a promise; await it: saveOrUpsertMany(await inputs).',
  );
});

it('a document of another copy of mongoose is called so', async () => {
  const other = new (jest.requireActual<typeof Mongoose8>('mongoose-8').Mongoose)();
  const Other = other.model('User', new other.Schema({ email: String }));
  // On Mongoose 8 it is the same class.
  await expect(model.saveOrUpsert(new Other({ email: 'a' }))).rejects.toThrow(
    /^saveOrUpsert: the input is a (Mongoose document|document of another copy of mongoose);/,
  );
  await expect(model.saveOrUpsert(new model({ email: 'a' }))).rejects.toThrow(
    /^saveOrUpsert: the input is a Mongoose document;/,
  );
});
