import { Mongoose, Schema } from 'mongoose';
import {
  explainUniqueIndexError,
  toValidationError,
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
  if (documents.length > 0) await model.collection.insertMany(documents as never);
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
  `${model.collection.name} already holds documents with the same key, first ${key}. await ` +
  `${model.modelName}.auditUniqueIndexes() lists them; fix them, then build the index again, because ` +
  'nothing prevents duplicates until then.';

describe('an index that could not be built is explained', () => {
  it.each(['createIndexes', 'ensureIndexes', 'syncIndexes'] as const)('by %s', async (call) => {
    for (const unique of [true, [true, 'Email taken']]) {
      const model = await compile(schema(unique), twice);
      const error = await rejection(model[call]());
      expect(explainUniqueIndexError(error, model)).toBe(sentence(model, 'email: "a@x"'));
    }
  });

  it('by init, and by the event that it emits', () =>
    withMongoose(new Mongoose(), async (own) => {
      await own.connection.collection('users').insertMany(twice);
      const User = own.model('User', schema().plugin(uniqueGuard)) as unknown as AnyModel;
      const emitted = new Promise((resolve) => User.once('index', resolve));
      const error = await rejection(User.init());
      expect(explainUniqueIndexError(error, User)).toBe(sentence(User, 'email: "a@x"'));
      expect(explainUniqueIndexError(await emitted, User)).toBe(sentence(User, 'email: "a@x"'));
    }));

  it('by the driver', async () => {
    const model = await compile(schema(), twice);
    const error = await rejection(
      model.collection.createIndexes([{ key: { email: 1 }, name: 'other', unique: true }]),
    );
    expect(explainUniqueIndexError(error, model)).toBe(sentence(model, 'email: "a@x"', 'other'));
  });

  it('inside an error of your own', async () => {
    const model = await compile(schema(), twice);
    const cause = await rejection(model.createIndexes());
    const error = new Error('start-up failed', { cause });
    expect(explainUniqueIndexError(error, model)).toBe(sentence(model, 'email: "a@x"'));
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
      'a value that looks like the message',
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
    expect(explainUniqueIndexError(error, model)).toBe(sentence(model, key, index));
  });

  it('by a server that names neither the index nor its paths', async () => {
    const model = await compile(schema(), twice);
    const message =
      'Index build failed: 1 :: caused by :: E11000 duplicate key error dup key: { : 1 }';
    const told = sentence(model, '', '')
      .replace('The unique index ', 'A unique index')
      .replace(', first ', '');
    expect(explainUniqueIndexError({ code: 11000, message }, model)).toBe(told);
  });
});

/** Inserts `documents` one after the other, the indexes built; the error of the last one. */
async function refuse(schema: Schema, ...documents: Doc[]): Promise<[unknown, AnyModel]> {
  const model = await compile(schema, []);
  await model.createIndexes();
  for (const document of documents.slice(0, -1)) await model.create(document);
  return [await rejection(model.create(documents.at(-1) as Doc)), model];
}

/** An index that the schema does not declare (any more). */
async function withLeftover(schema: Schema, key: object, options = {}): Promise<AnyModel> {
  const model = await compile(schema, []);
  await model.createIndexes();
  await model.collection.createIndexes([{ key, unique: true, ...options }] as never);
  return model;
}

const user = (definition: object): Schema => new Schema(definition as never) as unknown as Schema;

describe('a duplicate that a user caused', () => {
  it('is explained by its index and paths, with no value', async () => {
    const schema = user({ email: { type: String, unique: true } });
    const [error, model] = await refuse(schema, { email: 'a@x' }, { email: 'a@x' });
    const sentence = `The unique index email_1 of ${model.modelName} refused a second document with the same value of \`email\`.`;
    // The error carries its model; so the second argument is optional.
    expect(explainUniqueIndexError(error)).toBe(sentence);
    expect(explainUniqueIndexError(error, model)).toBe(sentence);
    const raw = await rejection(model.collection.insertOne({ email: 'a@x' }));
    expect(explainUniqueIndexError(raw, model)).toBe(sentence);
    expect(explainUniqueIndexError(new Error('sign-up failed', { cause: raw }), model)).toBe(
      sentence,
    );
    expect(explainUniqueIndexError(raw)).toBeUndefined();
  });

  it('on several paths', async () => {
    const schema = user({ a: String, b: String }).index({ a: 1, b: 1 }, { unique: true });
    const [error] = await refuse(schema, { a: 'x', b: 'y' }, { a: 'x', b: 'y' });
    expect(explainUniqueIndexError(error)).toContain('with the same values of `a`, `b`.');
  });

  it('on the paths of a text index, whose key pattern at the server has none of them', async () => {
    const schema = user({ a: String, b: String }).index({ a: 'text', b: 'text' }, { unique: true });
    const [error, model] = await refuse(schema, { a: 'x', b: 'y' }, { a: 'x', b: 'y' });
    const raw = await rejection(model.collection.insertOne({ a: 'x', b: 'y' }));
    for (const one of [error, raw]) {
      expect(explainUniqueIndexError(one, model)).toContain('with the same values of `a`, `b`.');
    }
  });

  it.each(['insertMany', 'bulkWrite'])('as a row of %s', async (name) => {
    const model = await compile(user({ email: { type: String, unique: true } }), []);
    await model.createIndexes();
    await model.create({ email: 'a@x' });
    const write = {
      insertMany: () => model.insertMany([{ email: 'a@x' }]),
      bulkWrite: () => model.bulkWrite([{ insertOne: { document: { email: 'a@x' } } }]),
    }[name] as () => Promise<unknown>;
    const error = await rejection(write());
    expect(explainUniqueIndexError(error, model)).toContain('the same value of `email`.');
    const raw = await rejection(model.collection.insertMany([{ email: 'a@x' }]));
    expect(explainUniqueIndexError(raw, model)).toContain('the same value of `email`.');
  });

  it.each([
    ['deletedAt', Date, 'null'],
    ['isDeleted', Boolean, 'false'],
    ['archived_at', Date, 'null'],
  ])('and with soft delete by %s, how to exclude deleted documents', async (path, type, live) => {
    const schema = user({ email: { type: String, unique: true }, [path]: type });
    const [error] = await refuse(schema, { email: 'a' }, { email: 'a' });
    expect(explainUniqueIndexError(error)).toContain(
      ` Documents that are marked as deleted by \`${path}\` count, too; to exclude them, index live ones ` +
        `only: partialFilterExpression: { ${path}: ${live} }, with default: ${live} on that path.`,
    );
  });

  it('but not where the index excludes them, or no path is for that', async () => {
    const schema = user({
      email: String,
      deletedAt: { type: Date, default: null },
      deleter: String,
    });
    schema.index({ email: 1 }, { unique: true, partialFilterExpression: { deletedAt: null } });
    const [error] = await refuse(schema, { email: 'a' }, { email: 'a' });
    expect(explainUniqueIndexError(error)).not.toContain('deleted');
    const model = await compile(user({ deletedAt: Date }), []);
    const { _id } = await model.create({});
    expect(explainUniqueIndexError(await rejection(model.create({ _id })))).not.toContain(
      'deleted',
    );
  });
});

describe('a missing value', () => {
  it.each<[string, object, string]>([
    ['String', { type: String }, "{ username: { $type: 'string' } }"],
    ['Number', { type: Number }, "{ username: { $type: 'number' } }"],
    ['Date', { type: Date }, "{ username: { $type: 'date' } }"],
    ['ObjectId', { type: Schema.Types.ObjectId }, "{ username: { $type: 'objectId' } }"],
    ['Mixed', { type: Schema.Types.Mixed }, '{ username: { $exists: true } }'],
  ])('of type %s', async (_, definition, filter) => {
    const [error, model] = await refuse(
      user({ username: { ...definition, unique: true } }),
      {},
      {},
    );
    const sentence =
      `The unique index username_1 of ${model.modelName} counts a missing value as null, so the second ` +
      'document without `username` fails. Make the path required, or index only documents with a value: ' +
      `partialFilterExpression: ${filter}.`;
    expect(explainUniqueIndexError(error)).toBe(sentence);
    for (const raw of [
      await rejection(model.collection.insertOne({})),
      await rejection(model.collection.insertMany([{}])),
    ]) {
      expect(explainUniqueIndexError(raw, model)).toBe(sentence);
    }
    expect(explainUniqueIndexError(await rejection(model.insertMany([{}])))).toBe(sentence);
  });

  it('that is stored as null is not left out by sparse', async () => {
    const schema = user({ username: { type: String, unique: true, sparse: true } });
    const [error] = await refuse(schema, { username: null }, { username: null });
    expect(explainUniqueIndexError(error)).toMatch(
      /\{ username: \{ \$type: 'string' } } \(sparse does not leave out a stored null\)\.$/,
    );
  });

  it('with the filter that it recommends no longer fails', async () => {
    const partialFilterExpression = { 'contacts.email': { $type: 'string' } };
    const schema = user({ contacts: [{ email: String }] });
    schema.index({ 'contacts.email': 1 }, { unique: true, partialFilterExpression });
    const [error] = await refuse(
      schema,
      { contacts: [] },
      { contacts: [] },
      { contacts: [{ email: 'a' }] },
      { contacts: [{ email: 'a' }] },
    );
    expect(explainUniqueIndexError(error)).toContain('the same value of `contacts.email`');
  });

  it('in an array of subdocuments', async () => {
    const schema = user({ contacts: [{ email: { type: String, unique: true } }] });
    const element = { contacts: [{}] };
    const [error, model] = await refuse(schema, element, element);
    const sentence =
      `The unique index contacts.email_1 of ${model.modelName} counts a missing value as null, so the ` +
      'second document without `contacts.email` fails. An empty array counts as well, which required does ' +
      "not prevent. Index only documents with a value: partialFilterExpression: { 'contacts.email': " +
      "{ $type: 'string' } }.";
    expect(explainUniqueIndexError(error)).toBe(sentence);
    const empty = await rejection(model.create({ contacts: [] }));
    expect(explainUniqueIndexError(empty)).toBe(sentence);
    expect(explainUniqueIndexError(await rejection(model.insertMany([{ contacts: [] }])))).toBe(
      sentence,
    );
  });
});

describe('an index on paths that the schema does not have', () => {
  it('is left over: the error stays, and its note says how to drop the index', async () => {
    const seen: unknown[] = [];
    const schema = user({ tenant: String });
    const model = await compile(schema, [], { onUnexplained: (error) => seen.push(error) });
    await model.collection.createIndexes([{ key: { tenantId: 1, tenantUserId: 1 }, unique: true }]);
    await model.create({ tenant: 'a' });
    const sentence =
      `The unique index tenantId_1_tenantUserId_1 of ${model.modelName} is on \`tenantId\`, ` +
      '`tenantUserId`, paths that the schema does not have, so each new document counts as null there, ' +
      'and the second one fails. If no code writes those paths any more, drop the index, which gives up its ' +
      `protection of the values that are stored: await ${model.modelName}.collection.dropIndex(` +
      "'tenantId_1_tenantUserId_1'), or in mongosh " +
      `db.getCollection('${model.collection.name}').dropIndex('tenantId_1_tenantUserId_1').`;
    for (const write of [
      () => model.create({ tenant: 'b' }),
      () => model.insertMany([{ tenant: 'b' }]),
      () => model.bulkWrite([{ insertOne: { document: { tenant: 'b' } } }]),
      () => model.updateOne({ tenant: 'b' }, { tenant: 'c' }, { upsert: true }),
      () => model.findOneAndUpdate({ tenant: 'b' }, { tenant: 'c' }, { upsert: true }),
    ]) {
      const error = await rejection(write());
      expect(error).toHaveProperty('name', expect.stringMatching(/^Mongo(Server|BulkWrite)Error$/));
      expect(error).not.toHaveProperty('errors');
      expect(error).toHaveProperty('uniqueGuard.reason', sentence);
      expect(explainUniqueIndexError(error, model)).toBe(sentence);
      expect(seen.at(-1)).toBe(error);
    }
    const raw = await rejection(model.collection.insertOne({}));
    expect(toValidationError(raw, model)).toBe(raw);
    expect(explainUniqueIndexError(raw, model)).toBe(sentence);
    await model.collection.dropIndex('tenantId_1_tenantUserId_1');
    await model.create({ tenant: 'b' });
  });

  it('counts as one of the other write errors of a bulk', async () => {
    const model = await withLeftover(user({ email: { type: String, unique: true } }), { old: 1 });
    await model.collection.insertMany([{ email: 'a', old: 1 }, { email: 'x' }]);
    const rows = [{ email: 'a' }, { email: 'b' }];
    const error = (await rejection(
      model.collection
        .insertMany([{ ...rows[0], old: 2 }, rows[1] as never], { ordered: false })
        .catch((one: unknown) => {
          throw toValidationError(one, model) as Error;
        }),
    )) as Error & { validationErrors: unknown[] };
    expect(error.validationErrors).toHaveLength(1);
    expect(error.message).toMatch(/other write errors: row 1 \(code 11000\)$/);
  });

  it('with a value converts as before', async () => {
    const schema = new Schema({}, { strict: false }) as unknown as Schema;
    const model = await withLeftover(schema, { old: 1 });
    await model.create({ old: 'x' });
    expect(await rejection(model.create({ old: 'x' }))).toHaveProperty('errors.old.value', 'x');
    const own = await withLeftover(user({ a: String }), { a: 1 });
    await own.create({});
    expect(await rejection(own.create({}))).toHaveProperty('errors.a.value', null);
    // Set to null by the write itself.
    const [, second] = await own.collection
      .insertMany([{ a: 'x' }, { a: 'y' }])
      .then(({ insertedIds }) => Object.values(insertedIds));
    expect(await rejection(own.updateOne({ _id: second }, { $unset: { a: 1 } }))).toHaveProperty(
      'errors.a.kind',
      'unique',
    );
  });

  it('that the schema declares all the same: never to drop the index', async () => {
    const schema = user({ name: String }).index({ username: 1 }, { unique: true });
    const [error] = await refuse(schema, { name: 'a' }, { name: 'b' });
    const sentence = explainUniqueIndexError(error);
    expect(sentence).toMatch(
      /The schema declares this index: add the path to the schema, or remove the declaration\.$/,
    );
    expect(error).toHaveProperty('uniqueGuard.reason', sentence);
    const both = user({ name: String }).index({ u: 1, v: 1 }, { unique: true });
    const [other] = await refuse(both, { name: 'a' }, { name: 'b' });
    expect(explainUniqueIndexError(other)).toContain('add the paths to the schema');
  });

  it('is declared on a schema that takes every path: a missing value as any other', async () => {
    const schema = new Schema({}, { strict: false }) as unknown as Schema;
    const [error] = await refuse(schema.index({ key: 1 }, { unique: true }), {}, {});
    expect(error).toHaveProperty('errors.key.value', null);
  });

  it('of another discriminator, declared on the base', async () => {
    const base = user({ name: String }).index({ badge: 1 }, { unique: true });
    const model = await compile(base, []);
    const name = (kind: string) => `${model.modelName}${kind}`;
    const Staff = model.discriminator(
      name('Staff'),
      user({ badge: String }),
    ) as unknown as AnyModel;
    const Guest = model.discriminator(name('Guest'), user({ from: String })) as unknown as AnyModel;
    await model.createIndexes();
    await Guest.create({ from: 'here' });
    for (const write of [
      () => Guest.create({ from: 'there' }),
      () => model.create({ name: 'x' }),
      () => model.create({ name: 'x', __t: Guest.modelName }),
      () => model.insertMany([{ name: 'x', __t: Guest.modelName }]),
    ]) {
      const error = await rejection(write());
      expect(error).not.toHaveProperty('errors');
      expect(explainUniqueIndexError(error, model)).toMatch(
        new RegExp(
          `only documents of ${Staff.modelName} have, so each document of another kind counts as null there, ` +
            'and the second one fails\\. Declare the index on the schema of the discriminator ' +
            `${Staff.modelName}: Mongoose then builds it with partialFilterExpression: { __t: '${Staff.modelName}' }\\.$`,
        ),
      );
    }
    // Of its own kind it is an optional value.
    expect(await rejection(Staff.create({}))).toHaveProperty('errors.badge.value', null);
    expect(await rejection(model.insertMany([{ __t: Staff.modelName }]))).toHaveProperty(
      'errors.badge.value',
      null,
    );
  });

  it('of another model on the collection', async () => {
    const model = await withLeftover(user({ a: String }), { badge: 1 });
    const other = user({ badge: { type: Number, unique: true } });
    mongoose.model('Sharing', other, model.collection.name);
    await model.create({});
    expect(explainUniqueIndexError(await rejection(model.create({})), model)).toMatch(
      /which shares the collection, has, so .* Limit the index to documents with a value: partialFilterExpression: \{ badge: \{ \$type: 'number' } }\.$/,
    );
    await model.collection.insertOne({ badge: 5 });
    const error = await rejection(
      model.insertMany(
        [{}, {}].map(() => ({ badge: 5 })),
        { strict: false } as never,
      ),
    );
    expect(explainUniqueIndexError(error, model)).toBeDefined();
  });
});

describe('an index that the server names and the schema does not declare', () => {
  it('in a bulk: declare it, or drop it', async () => {
    const model = await withLeftover(user({ a: String }), { a: 1 }, { name: "it's mine" });
    await model.create({ a: 'x' });
    const error = await rejection(model.insertMany([{ a: 'x' }]));
    expect(explainUniqueIndexError(error, model)).toBe(
      `The server names the index it's mine, which the schema of ${model.modelName} does not declare. ` +
        "Declare it: schema.index({ … }, { unique: true, name: 'it\\'s mine' }); or, if it is left over from a " +
        'renamed or removed path, drop it once no code writes that path: await ' +
        `${model.modelName}.collection.dropIndex('it\\'s mine'), or in mongosh ` +
        `db.getCollection('${model.collection.name}').dropIndex('it\\'s mine').`,
    );
  });

  it('as a text index, whose paths only its declaration lists', async () => {
    const model = await withLeftover(user({ a: String }), { a: 'text' });
    await model.create({ a: 'x' });
    const error = await rejection(model.create({ a: 'x' }));
    expect(error).not.toHaveProperty('errors');
    expect(explainUniqueIndexError(error, model)).toMatch(
      /^The server names the index a_text, which the schema of \w+ does not declare\. Declare it/,
    );
  });

  it('but another model on the collection does', async () => {
    const model = await withLeftover(user({ a: String }), { a: 1 });
    mongoose.model('Declaring', user({ a: { type: String, unique: true } }), model.collection.name);
    await model.create({ a: 'x' });
    expect(explainUniqueIndexError(await rejection(model.insertMany([{ a: 'x' }])), model)).toMatch(
      /does not declare\. Declaring, which shares the collection, declares it\.$/,
    );
  });

  it('or not even names', async () => {
    const model = await compile(user({ a: { type: String, unique: true } }), []);
    const raw = { code: 11000, message: 'E11000 duplicate key error' };
    expect(explainUniqueIndexError(raw, model)).toMatch(/^The server does not report which index/);
    expect(explainUniqueIndexError({ ...raw, keyPattern: { a: 1 } }, model)).toMatch(
      /^A unique index of /,
    );
    const leftover = { ...raw, message: `${raw.message} dup key: { old: null }` };
    expect(explainUniqueIndexError(leftover, model)).toMatch(
      /^A unique index of \w+ is on `old`, .*: await \w+\.collection\.dropIndex\(name\)\.$/,
    );
  });
});

describe('undefined', () => {
  it('for an index of another collection', async () => {
    const [one, other] = [await compile(schema(), twice), await compile(schema(), twice)];
    expect(explainUniqueIndexError(await rejection(one.createIndexes()), other)).toBeUndefined();
    const { _id } = (await one.collection.findOne({})) as Doc;
    const rows = await rejection(one.collection.insertMany([{ _id } as never]));
    expect(explainUniqueIndexError(rows, one)).toContain('`_id`');
    expect(explainUniqueIndexError(rows, other)).toBeUndefined();
  });

  it.each([
    undefined,
    null,
    'Index build failed: E11000 duplicate key error',
    {},
    new Error('Index build failed: E11000 duplicate key error'),
    { code: 85 },
    { code: 67, message: 'cannot mix "partialFilterExpression" and "sparse" options' },
    { code: 224, message: '$expr is not allowed in this context' },
    {
      code: 11000,
      message:
        'E11000 duplicate key error collection: a.b index: Index build failed dup key: { : 1 }',
    },
  ])('for %p', (error) => {
    const model = mongoose.models['Built1'] as unknown as AnyModel;
    expect(explainUniqueIndexError(error, model)).toBeUndefined();
  });

  it('where the error cannot be read', () => {
    const hostile = {
      get code(): number {
        throw new Error('boom');
      },
    };
    expect(explainUniqueIndexError(hostile, mongoose.models['Built1'] as never)).toBeUndefined();
    expect(explainUniqueIndexError({ code: 11000 })).toBeUndefined();
    const empty = { name: 'ValidationError', code: 11000, errors: {} };
    expect(explainUniqueIndexError(empty)).toBeUndefined();
  });
});

it('of a connection opened with autoIndex, the error is the same', async () => {
  const model = await compile(schema(), twice);
  const auto = await mongoose
    .createConnection(testUri(mongoose.connection.name), { autoIndex: true })
    .asPromise();
  const again = auto.model('Again', schema(), model.collection.name) as unknown as AnyModel;
  const error = await rejection(again.init());
  expect(explainUniqueIndexError(error, again)).toBe(sentence(again, 'email: "a@x"'));
  await auto.close();
});
