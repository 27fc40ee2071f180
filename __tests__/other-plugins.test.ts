import { Schema } from 'mongoose';
import { isDuplicateKeyError, isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';
import { useDatabase } from './support/database';
import { isValidating, OTHER_PLUGINS, type OtherPlugin } from './support/other-plugins';
import { isRunPair } from './support/pairs';
import { rejection, WRITES, type AnyModel, type WriteCase } from './support/writes';

const mongoose = useDatabase();

let count = 0;

function userSchema(unique: unknown = true): Schema {
  count += 1;
  const friend = { type: Schema.Types.ObjectId, ref: `User${String(count)}`, autopopulate: true };
  const paths = { email: { type: String, unique }, name: String, friend };
  const schema = new Schema(paths as never) as unknown as Schema;
  // A lean document is a plain object: Mongoose types a getter's `this` as a hydrated one.
  schema.virtual('shout').get(function (this: { email?: string }) {
    return `${String(this.email)}!`;
  } as never);
  return schema;
}

/** Each plugin alone, and all of them, before ours and after it. */
const ORDERS = [...OTHER_PLUGINS.map((one) => [one]), OTHER_PLUGINS].flatMap((plugins) => {
  const name = plugins.length === 1 ? (plugins[0]?.name ?? '') : 'all of them';
  return [
    { name, order: 'before', plugins },
    { name, order: 'after', plugins },
  ] as const;
});

async function compile(
  plugins: readonly OtherPlugin[],
  order: 'before' | 'after' | 'alone',
  unique?: unknown,
): Promise<AnyModel> {
  const schema = userSchema(unique);
  const loaded = await Promise.all(plugins.map(({ load }) => load()));
  if (order === 'after') schema.plugin(uniqueGuard);
  for (const plugin of loaded) schema.plugin(plugin);
  if (order === 'before') schema.plugin(uniqueGuard);
  const model = mongoose.model(`User${String(count)}`, schema) as unknown as AnyModel;
  await model.createCollection();
  await model.collection.createIndexes([{ key: { email: 1 }, unique: true }]);
  return model;
}

/** One document, whose friend is itself. */
async function addAlice(model: AnyModel): Promise<void> {
  const _id = new mongoose.Types.ObjectId();
  await model.collection.insertOne({ _id, email: 'alice@x', name: 'A', friend: _id });
}

describe.each(ORDERS)('$name, registered $order the plugin', (one) => {
  const { plugins, order } = one;
  // The plugin does nothing of its own there.
  const some = WRITES.filter((_, column) => isRunPair(ORDERS.indexOf(one), column));
  const validates = plugins.some(({ name }) => name === 'mongoose-unique-validator');
  let model: AnyModel;
  let bobId: unknown;
  beforeAll(async () => {
    model = await compile(plugins, order);
  });
  beforeEach(async () => {
    await model.collection.deleteMany();
    await addAlice(model);
    bobId = (await model.collection.insertOne({ email: 'bob@x' })).insertedId;
  });

  const write = ({ run, writes }: WriteCase, email: string) =>
    run(model, { email, ...(writes === 'new' && { _id: new mongoose.Types.ObjectId() }) }, bobId);

  it.each(some)('lets $name succeed', async (one) => {
    await write(one, 'new@x');
    expect(await model.countDocuments({ email: 'new@x' })).toBe(1);
    expect(await model.countDocuments()).toBe(one.writes === 'new' ? 3 : 2);
  });

  const converted = WRITES.filter(({ name }) => !(validates && isValidating(name)));
  it.each(converted)('lets $name tell a duplicate on its field', async (one) => {
    const error = await rejection(write(one, 'alice@x'));
    const message = 'Path `email` must be unique.';
    expect(error).toMatchObject({
      code: 11000,
      errors: { email: { kind: 'unique', value: 'alice@x', message } },
    });
    expect(await model.countDocuments({ email: 'alice@x' })).toBe(1);
  });

  it.each(some)('hands on another error of $name as it is', async (one) => {
    const failure = new Error('the network is down');
    const stub = jest.spyOn(model.collection, one.driver as 'insertOne');
    stub.mockRejectedValue(failure as never);
    try {
      expect(await rejection(write(one, 'new@x'))).toBe(failure);
    } finally {
      stub.mockRestore();
    }
  });

  it.each(plugins)('leaves $name its feature', async ({ feature, expected }) => {
    await model.deleteMany({ email: 'bob@x' });
    expect(await feature(model)).toEqual(expected);
    const alone = await compile(plugins, 'alone');
    await addAlice(alone);
    expect(await feature(alone)).toEqual(expected);
  });

  it('takes the message of unique: [true, message]', async () => {
    const withMessage = await compile(plugins, order, [true, 'taken']);
    await addAlice(withMessage);
    await withMessage.collection.insertOne({ email: 'bob@x' });
    const update = withMessage.updateOne({ email: 'bob@x' }, { email: 'alice@x' });
    expect(await rejection(update)).toMatchObject({ errors: { email: { message: 'taken' } } });
  });

  it('lets saveOrUpsert create, with what the plugins add to its result', async () => {
    const friend = (await model.collection.findOne({ email: 'alice@x' }))?._id;
    const has = (name: string) => plugins.some((one) => one.name === name);
    const hydrated = await model.saveOrUpsert({ email: 'c@x', friend });
    expect(hydrated.created).toBe(true);
    const { friend: found } = hydrated.doc as { friend: { email?: string } };
    expect(found.email).toBe(has('mongoose-autopopulate') ? 'alice@x' : undefined);
    const lean = await model.saveOrUpsert({ email: 'd@x', friend }, { lean: { virtuals: true } });
    expect(lean.doc['friend']).toEqual(friend);
    expect(lean.doc['shout']).toBe(has('mongoose-lean-virtuals') ? 'd@x!' : undefined);
  });
});

describe.each(['before', 'after'] as const)(
  'where mongoose-unique-validator, registered %s the plugin, refuses first',
  (order) => {
    const plugins = OTHER_PLUGINS.filter(({ name }) => name === 'mongoose-unique-validator');
    const rejecting = WRITES.filter(
      ({ name }) => isValidating(name) && name !== 'insertMany, unordered',
    );
    let model: AnyModel;
    let alone: AnyModel;
    beforeAll(async () => {
      model = await compile(plugins, order);
      alone = await compile(plugins, 'alone');
    });
    beforeEach(async () => {
      for (const one of [model, alone]) {
        await one.deleteMany();
        await one.collection.insertMany([{ email: 'alice@x' }, { email: 'bob@x' }]);
      }
    });

    /** All that an error has, but for the name of its model. */
    const shapeOf = async ({ run }: WriteCase, one: AnyModel) => {
      const bob = await one.collection.findOne({ email: 'bob@x' });
      const error = await rejection(run(one, { email: 'alice@x' }, bob?._id));
      expect(error).toBeInstanceOf(mongoose.Error.ValidationError);
      expect([isUniqueValidationError(error), isDuplicateKeyError(error)]).toEqual([false, false]);
      const text = JSON.stringify(error).replaceAll(one.modelName, 'User');
      return [Object.getOwnPropertyNames(error).sort(), text];
    };

    it.each(rejecting)('lets $name reject with exactly its error', async (write) => {
      const shape = await shapeOf(write, model);
      expect(shape[1]).toContain('alice@x is not unique');
      expect(shape).toEqual(await shapeOf(write, alone));
    });

    it('lets an unordered insertMany leave the row out, as it does by itself', async () => {
      const rows = [{ email: 'alice@x' }, { email: 'c@x' }];
      for (const one of [model, alone]) {
        const inserted = await one.insertMany(rows, { ordered: false });
        expect(inserted.map((doc) => doc.get('email') as string)).toEqual(['c@x']);
      }
    });

    it('tells the duplicate that came in after its query', async () => {
      const document = new model({ email: 'c@x' });
      await document.validate();
      await model.collection.insertOne({ email: 'c@x' });
      const error = await rejection(document.save({ validateBeforeSave: false }));
      expect(error).toMatchObject({ code: 11000, errors: { email: { value: 'c@x' } } });
    });

    it('makes both statics refuse a key that is there, for they validate as a save does', async () => {
      const errors = { email: { message: 'alice@x is not unique', kind: 'unique' } };
      const input = { email: 'alice@x', name: 'B' };
      expect(await rejection(model.saveOrUpsert(input))).toMatchObject({ errors });
      const { results, failed } = await model.saveOrUpsertMany([input, { email: 'c@x' }]);
      expect([failed, results[0]?.error]).toMatchObject([1, { errors }]);
      expect(await model.countDocuments({ name: 'B' })).toBe(0);
    });
  },
);
