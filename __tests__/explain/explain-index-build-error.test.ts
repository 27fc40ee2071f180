import { Mongoose, Schema } from 'mongoose';
import {
  explainIndexBuildError,
  uniqueGuard,
  type UniqueGuardOptions,
} from 'mongoose-unique-guard';
import { testUri, useDatabase, withMongoose } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase();

let models = 0;
/** A model with documents, whose indexes were never built. */
async function compile(
  schema: Schema,
  documents: Doc[],
  options?: UniqueGuardOptions,
): Promise<AnyModel> {
  models += 1;
  const model = mongoose.model(`Built${String(models)}`, schema.plugin(uniqueGuard, options));
  await model.collection.insertMany(documents as never);
  return model as unknown as AnyModel;
}

const schema = (unique: unknown = true) =>
  new Schema({
    email: { type: String, unique: unique as true },
    name: String,
  }) as unknown as Schema;
const twice = [{ email: 'a@x' }, { email: 'a@x' }];

const sentence = (model: AnyModel, key: string, index = 'email_1') =>
  `The unique index ${index} of ${model.modelName} could not be built: the collection ` +
  `${model.collection.name} already holds documents with the same key, first ${key}. Until it is ` +
  `built, nothing keeps duplicates out. await ${model.modelName}.auditUniqueIndexes() lists the ` +
  'documents; mend them, then build the index again.';

describe('an index that could not be built is explained', () => {
  it.each(['createIndexes', 'ensureIndexes', 'syncIndexes'] as const)('by %s', async (call) => {
    for (const unique of [true, [true, 'Email taken']]) {
      const model = await compile(schema(unique), twice);
      const error = await rejection(model[call]());
      expect(explainIndexBuildError(error, model)).toBe(sentence(model, 'email: "a@x"'));
    }
  });

  it('by init, and by the event that it emits', () =>
    withMongoose(new Mongoose(), async (own) => {
      await own.connection.collection('users').insertMany(twice);
      const User = own.model('User', schema().plugin(uniqueGuard)) as unknown as AnyModel;
      const emitted = new Promise((resolve) => User.once('index', resolve));
      const error = await rejection(User.init());
      expect(explainIndexBuildError(error, User)).toBe(sentence(User, 'email: "a@x"'));
      expect(explainIndexBuildError(await emitted, User)).toBe(sentence(User, 'email: "a@x"'));
    }));

  it('by the driver', async () => {
    const model = await compile(schema(), twice);
    const error = await rejection(
      model.collection.createIndexes([{ key: { email: 1 }, name: 'other', unique: true }]),
    );
    expect(explainIndexBuildError(error, model)).toBe(sentence(model, 'email: "a@x"', 'other'));
  });

  it('inside an error of your own', async () => {
    const model = await compile(schema(), twice);
    const cause = await rejection(model.createIndexes());
    const error = new Error('start-up failed', { cause });
    expect(explainIndexBuildError(error, model)).toBe(sentence(model, 'email: "a@x"'));
  });

  it.each<[string, Schema, Doc, UniqueGuardOptions, string, string]>([
    [
      'a compound key',
      schema().index({ name: 1, x: -1 }, { unique: true, name: 'pair' }),
      { email: 1, name: 'n', x: 5 },
      {},
      'name: "n", x: 5',
      'pair',
    ],
    ['a missing path', schema(), { other: 1 }, {}, 'email: null', 'email_1'],
    [
      'a hidden value',
      schema(),
      { email: 'secret' },
      { hideValues: ['email'] },
      'email (hidden)',
      'email_1',
    ],
    [
      'a value that select leaves out',
      new Schema({ email: { type: String, unique: true, select: false } }) as unknown as Schema,
      { email: 'secret' },
      {},
      'email (hidden)',
      'email_1',
    ],
    [
      'a collated key, which the server sends as bytes',
      new Schema({}).index(
        { email: 1 },
        { unique: true, collation: { locale: 'en', strength: 2 } },
      ) as unknown as Schema,
      { email: 'A' },
      {},
      'email',
      'email_1',
    ],
    [
      'a value that looks like the text',
      schema(),
      { email: 'Index build failed: E11000' },
      {},
      'email: "Index build failed: E11000"',
      'email_1',
    ],
  ])('with %s', async (_, ofModel, document, options, key, index) => {
    const model = await compile(ofModel, [{ ...document }, { ...document }], options);
    const pair = { key: { name: 1, x: -1 }, name: 'pair', unique: true } as const;
    // The other index of that schema is blocked as well.
    const error = await rejection(
      index === 'pair' ? model.collection.createIndexes([pair]) : model.createIndexes(),
    );
    expect(explainIndexBuildError(error, model)).toBe(sentence(model, key, index));
  });

  it('by a server that names neither the index nor its paths', async () => {
    const model = await compile(schema(), twice);
    const message =
      'Index build failed: 1 :: caused by :: E11000 duplicate key error dup key: { : 1 }';
    const told = sentence(model, '', '')
      .replace('The unique index ', 'A unique index')
      .replace(', first ', '');
    expect(explainIndexBuildError({ code: 11000, message }, model)).toBe(told);
  });
});

describe('undefined', () => {
  it('for the duplicate of a write, whatever was written', async () => {
    const model = await compile(schema(), [{ email: 'a@x' }]);
    await model.createIndexes();
    const text = 'Index build failed: E11000 duplicate key error';
    await model.create({ email: text });
    const writes = [
      () => model.create({ email: text }),
      () => model.insertMany([{ email: text }]),
      () => model.updateOne({ email: 'a@x' }, { email: text }),
      () => model.findOneAndUpdate({ email: 'a@x' }, { email: text }),
      () => model.bulkWrite([{ insertOne: { document: { email: text } } }]),
      () => model.collection.insertOne({ email: text }),
      () => model.collection.findOneAndUpdate({ email: 'a@x' }, { $set: { email: text } }),
    ];
    for (const write of writes) {
      expect(explainIndexBuildError(await rejection(write()), model)).toBeUndefined();
    }
  });

  it('for other errors of the same calls', async () => {
    const model = await compile(schema(), [{ email: 'a@x' }]);
    await model.collection.createIndexes([{ key: { email: 1 } }]);
    const conflict = await rejection(model.createIndexes());
    expect(conflict).toHaveProperty('code', 86);
    expect(explainIndexBuildError(conflict, model)).toBeUndefined();
  });

  it('for an index of another collection', async () => {
    const [one, other] = [await compile(schema(), twice), await compile(schema(), twice)];
    expect(explainIndexBuildError(await rejection(one.createIndexes()), other)).toBeUndefined();
  });

  it.each([
    undefined,
    null,
    'Index build failed: E11000 duplicate key error',
    {},
    new Error('Index build failed: E11000 duplicate key error'),
    { code: 11000 },
    { code: 11000, message: 'Index build failed' },
    {
      code: 11000,
      message:
        'E11000 duplicate key error collection: a.b index: Index build failed dup key: { : 1 }',
    },
  ])('for %p', (error) => {
    const model = mongoose.models['Built1'] as unknown as AnyModel;
    expect(explainIndexBuildError(error, model)).toBeUndefined();
  });

  it('where the error cannot be read', () => {
    const hostile = {
      get code(): number {
        throw new Error('boom');
      },
    };
    expect(explainIndexBuildError(hostile, mongoose.models['Built1'] as never)).toBeUndefined();
    expect(explainIndexBuildError({ code: 11000 }, undefined as never)).toBeUndefined();
  });
});

it('of a connection opened with autoIndex, the error is the same', async () => {
  const model = await compile(schema(), twice);
  const auto = await mongoose
    .createConnection(testUri(mongoose.connection.name), { autoIndex: true })
    .asPromise();
  const again = auto.model('Again', schema(), model.collection.name) as unknown as AnyModel;
  const error = await rejection(again.init());
  expect(explainIndexBuildError(error, again)).toBe(sentence(again, 'email: "a@x"'));
  await auto.close();
});
