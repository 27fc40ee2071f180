import { Mongoose, Schema, type Model } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';
import { withMongoose } from './support/database';
import { OTHER_PLUGINS } from './support/other-plugins';
import { rejection, WRITES, type AnyModel } from './support/writes';

const userSchema = (unique: unknown = true): Schema =>
  new Schema({ email: { type: String, unique }, name: String } as never) as unknown as Schema;

/** A Mongoose of its own, for what `mongoose.plugin()` does stays on it. */
const withGlobalPlugin = (test: (mongoose: Mongoose) => Promise<void>) => {
  const mongoose = new Mongoose();
  return withMongoose(mongoose, () => test(mongoose));
};

async function compile(mongoose: Mongoose, schema: Schema, name = 'User'): Promise<AnyModel> {
  const model = mongoose.model(name, schema) as unknown as AnyModel;
  await model.init();
  return model;
}

/** The message beside the e-mail address after the same one was created twice. */
async function shown(model: AnyModel): Promise<unknown> {
  await model.create({ email: 'a' });
  const error = (await rejection(model.create({ email: 'a' }))) as Error & {
    errors: Record<string, Error>;
  };
  expect(Object.keys(error.errors)).toEqual(['email']);
  expect(error).toHaveProperty('code', 11000);
  return error.errors['email']?.message;
}

describe('mongoose.plugin(uniqueGuard)', () => {
  it('reaches every write of a schema that says nothing of it', () =>
    withGlobalPlugin(async (mongoose) => {
      mongoose.plugin(uniqueGuard);
      const model = await compile(mongoose, userSchema());
      const { _id } = await model.create({ email: 'b' });
      await model.create({ email: 'a' });
      for (const { run, writes } of WRITES) {
        const newId = writes === 'new' && { _id: new mongoose.Types.ObjectId() };
        const error = await rejection(run(model, { email: 'a', ...newId }, _id));
        expect(error).toMatchObject({ code: 11000, errors: { email: { value: 'a' } } });
      }
      expect(await model.saveOrUpsert({ email: 'a' })).toMatchObject({ created: false });
    }));

  const message = { message: 'global' };
  it.each([
    ['its options for all schemas', message, undefined, true, 'global'],
    ["a schema's own options instead", message, { message: 'local' }, true, 'local'],
    [
      "a schema's own application without options",
      message,
      {},
      true,
      'Path `email` must be unique.',
    ],
    ['unique: [true, message] before both', message, { message: 'local' }, [true, 'path'], 'path'],
  ])('takes %s', (_, ofAll, ofSchema, unique, expected) =>
    withGlobalPlugin(async (mongoose) => {
      mongoose.plugin(uniqueGuard, ofAll);
      const schema = userSchema(unique);
      if (ofSchema !== undefined) schema.plugin(uniqueGuard, ofSchema);
      expect(await shown(await compile(mongoose, schema))).toBe(expected);
    }),
  );

  it('reports one error for each path of a discriminator and of a subdocument', () =>
    withGlobalPlugin(async (mongoose) => {
      mongoose.plugin(uniqueGuard);
      const base = userSchema().add({ inner: userSchema() } as never);
      const model = await compile(mongoose, base);
      const kind = model.discriminator(
        'Admin',
        new Schema({ level: Number }),
      ) as unknown as AnyModel;
      await kind.create({ email: 'a', inner: { email: 'x' } });
      expect(await rejection(kind.create({ email: 'b', inner: { email: 'x' } }))).toMatchObject({
        errors: { 'inner.email': { value: 'x' } },
      });
      const again = { email: 'a', inner: { email: 'y' } };
      expect(await rejection(kind.create(again))).toMatchObject({ errors: { email: {} } });
    }));

  // That one refuses before the index does, which other-plugins.test.ts shows.
  const others = OTHER_PLUGINS.filter(({ name }) => name !== 'mongoose-unique-validator');
  it.each(others.flatMap((other) => [true, false].map((isFirst) => ({ ...other, isFirst }))))(
    'stands beside $name as a global plugin, ours first: $isFirst',
    ({ load, isFirst }) =>
      withGlobalPlugin(async (mongoose) => {
        const plugin = await load();
        if (isFirst) mongoose.plugin(uniqueGuard);
        mongoose.plugin(plugin as never);
        if (!isFirst) mongoose.plugin(uniqueGuard);
        const model = await compile(mongoose, userSchema());
        expect(await shown(model)).toBe('Path `email` must be unique.');
        expect(await model.saveOrUpsert({ email: 'a' })).toMatchObject({ created: false });
      }),
  );
});

describe('a class by loadClass', () => {
  class UserClass {
    declare email: string;
    get handle(): string {
      return this.email.toUpperCase();
    }
    greet(): string {
      return `Hello, ${this.email}`;
    }
    static findByEmail(this: Model<unknown>, email: string): unknown {
      return this.findOne({ email } as never);
    }
  }
  class WithOwnStatic extends UserClass {
    static saveOrUpsert(): string {
      return "the class's own";
    }
  }
  type Static = (argument: unknown) => unknown;

  /** The three ways in which both may come together. */
  const WAYS: [string, (mongoose: Mongoose, schema: Schema, load: () => Schema) => unknown][] = [
    ['before the plugin', (_, schema, load) => [load(), schema.plugin(uniqueGuard)]],
    ['after the plugin', (_, schema, load) => [schema.plugin(uniqueGuard), load()]],
    ['and the global plugin', (mongoose, _, load) => [mongoose.plugin(uniqueGuard), load()]],
  ];

  it.each(WAYS)('keeps its methods, getters and statics: %s', (_, apply) =>
    withGlobalPlugin(async (mongoose) => {
      const schema = userSchema();
      apply(mongoose, schema, () => schema.loadClass(UserClass));
      const model = await compile(mongoose, schema);
      expect(await shown(model)).toBe('Path `email` must be unique.');
      const { doc } = await model.saveOrUpsert({ email: 'a', name: 'A' });
      const found = await (model as unknown as Record<string, Static>)['findByEmail']?.('a');
      for (const one of [doc, found] as unknown as UserClass[]) {
        expect([one.handle, one.greet()]).toEqual(['A', 'Hello, a']);
      }
      expect(found).toHaveProperty('name', 'A');
    }),
  );

  it.each(WAYS)('keeps a static that has the name of ours: %s', (_, apply) =>
    withGlobalPlugin(async (mongoose) => {
      const schema = userSchema();
      apply(mongoose, schema, () => schema.loadClass(WithOwnStatic));
      const model = await compile(mongoose, schema);
      expect(model.saveOrUpsert({})).toBe("the class's own");
      expect(await shown(model)).toBe('Path `email` must be unique.');
      expect(await model.saveOrUpsertMany([{ email: 'b' }])).toMatchObject({ created: 1 });
    }),
  );
});
