import { Schema, Types } from 'mongoose';
import {
  isUniqueValidationError,
  toValidationError,
  uniqueGuard,
  type MessageContext,
  type UniqueGuardOptions,
} from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

const email = (unique: unknown = true): Schema =>
  new Schema({ email: { type: String, unique } } as Doc as never);
const compound = () =>
  new Schema({ tenant: String, slug: String }).index({ tenant: 1, slug: 1 }, { unique: true });

/** What stands beside each input after the same document was inserted twice. */
async function shown(model: AnyModel, document: Doc): Promise<Record<string, [string, string]>> {
  await model.create(document);
  const error = await rejection(model.create(document));
  if (!isUniqueValidationError(error)) throw error;
  const entries = Object.entries(error.errors);
  return Object.fromEntries(entries.map(([path, { message, kind }]) => [path, [message, kind]]));
}

describe('the message', () => {
  it('names the path by default', async () => {
    expect(await shown(await compile(email()), { email: 'a' })).toEqual({
      email: ['Path `email` must be unique.', 'unique'],
    });
  });

  it('names all paths of a compound index', async () => {
    const message = 'Paths `tenant`, `slug` must be unique together.';
    expect(await shown(await compile(compound()), { tenant: 't', slug: 's' })).toEqual({
      tenant: [message, 'unique'],
      slug: [message, 'unique'],
    });
  });

  it('is the most specific one that is set: of the path, the index, the plugin, mongoose', async () => {
    const general = mongoose.Error.messages.general as Record<string, unknown>;
    general['unique'] = 'of mongoose: {PATH}';
    try {
      const ofAll = { message: 'of the plugin', indexes: { email_1: { message: 'of the index' } } };
      const cases: [string, unknown, UniqueGuardOptions][] = [
        ['of the path', [true, 'of the path'], ofAll],
        ['of the index', true, ofAll],
        [
          'of the plugin',
          true,
          { message: 'of the plugin', indexes: { other_1: { message: 'no' } } },
        ],
        ['of mongoose: email', true, {}],
      ];
      for (const [message, unique, options] of cases) {
        const model = await compile(email(unique), options);
        expect(await shown(model, { email: 'a' })).toEqual({ email: [message, 'unique'] });
      }
    } finally {
      delete general['unique'];
    }
  });

  it('in mongoose.Error.messages may be a function', async () => {
    const general = mongoose.Error.messages.general as Record<string, unknown>;
    general['unique'] = ({ path }: MessageContext) => `${path} of mongoose`;
    try {
      const model = await compile(email());
      expect(await shown(model, { email: 'a' })).toEqual({
        email: ['email of mongoose', 'unique'],
      });
    } finally {
      delete general['unique'];
    }
  });

  it('has an empty {INDEX} if neither the server nor the schema has the name', async () => {
    const model = await compile(email(), { message: '{PATH}|{INDEX}' });
    const raw = { code: 11000, message: 'E11000 duplicate key error', keyPattern: { code: 1 } };
    expect(toValidationError(raw, model)).toHaveProperty('errors.code.message', 'code|');
  });

  it('fills each placeholder of a template once, and keeps unknown ones', async () => {
    const message = '{KIND}|{PATH}|{PATHS}|{VALUE}|{INDEX}|{OTHER}|{PATH}';
    const model = await compile(compound(), { message });
    expect(await shown(model, { tenant: '{PATH}', slug: '$&{VALUE}' })).toEqual({
      tenant: ['unique|tenant|tenant, slug|{PATH}|tenant_1_slug_1|{OTHER}|tenant', 'unique'],
      slug: ['unique|slug|tenant, slug|$&{VALUE}|tenant_1_slug_1|{OTHER}|slug', 'unique'],
    });
  });

  const id = new Types.ObjectId();
  it.each([
    [Number, 0, '0'],
    [Boolean, false, 'false'],
    [Date, new Date(0), '1970-01-01T00:00:00.000Z'],
    [Schema.Types.ObjectId, id, id.toHexString()],
    [Schema.Types.Decimal128, '1.50', '1.50'],
    [String, null, 'null'],
    [Schema.Types.Mixed, { a: [1] }, '{"a":[1]}'],
  ])('prints a value of type %p', async (type, key, text) => {
    const schema = new Schema({ key: { type: type as never, unique: true } });
    const model = await compile(schema as unknown as Schema, { message: '{VALUE}' });
    expect(await shown(model, { key })).toEqual({ key: [text, 'unique'] });
  });

  it('may be a function, for translation', async () => {
    const seen: MessageContext[] = [];
    const message = (context: MessageContext) => {
      seen.push(context);
      return `${context.path} vergeben`;
    };
    const model = await compile(compound(), { message });
    expect(await shown(model, { tenant: 't', slug: 's' })).toEqual({
      tenant: ['tenant vergeben', 'unique'],
      slug: ['slug vergeben', 'unique'],
    });
    expect(seen[1]).toEqual({
      path: 'slug',
      paths: ['tenant', 'slug'],
      value: 's',
      kind: 'unique',
      index: 'tenant_1_slug_1',
      keyPattern: { tenant: 1, slug: 1 },
      model,
    });
  });
});

describe("Mongoose's own unique: [true, message]", () => {
  const unique = [true, 'taken'];

  it('sets the message of every write, although Mongoose wraps the error before the hooks', async () => {
    const model = await compile(email(unique));
    await model.create([{ email: 'a' }, { email: 'b' }]);
    for (const write of [
      () => model.create({ email: 'a' }),
      () => model.insertMany([{ email: 'a' }]),
      () => model.updateOne({ email: 'b' }, { email: 'a' }),
      () => model.findOneAndUpdate({ email: 'b' }, { email: 'a' }),
      () => model.bulkWrite([{ insertOne: { document: { email: 'a' } } }]),
    ]) {
      const error = await rejection(write());
      expect(error).toMatchObject({
        code: 11000,
        errors: { email: { message: 'taken', kind: 'unique' } },
      });
    }
    const error = await rejection(model.create({ email: 'a' }));
    expect(error).toHaveProperty('cause.name', 'MongoServerError');
  });

  it.each([
    [
      'a subdocument',
      () => new Schema({ sub: email(unique) }),
      { sub: { email: 'a' } },
      'sub.email',
    ],
    [
      'an array of subdocuments',
      () => new Schema({ list: [email(unique)] }),
      { list: [{ email: 'a' }] },
      'list.0.email',
    ],
    [
      'a nested path',
      () => new Schema({ nested: { email: { type: String, unique } } } as never),
      { nested: { email: 'a' } },
      'nested.email',
    ],
    [
      'an array of values',
      () => new Schema({ tags: { type: [String], unique } } as never),
      { tags: ['a'] },
      'tags.0',
    ],
    [
      'the values of an array',
      () => new Schema({ tags: [{ type: String, unique }] } as never),
      { tags: ['a'] },
      'tags.0',
    ],
  ])('sets the message in %s', async (_, schema, document, path) => {
    const model = await compile(schema() as Schema);
    expect(await shown(model, document as Doc)).toEqual({ [path]: ['taken', 'unique'] });
  });

  const withKinds = (definition: object) => {
    const kind = new Schema({ kind: String }, { discriminatorKey: 'kind', _id: false });
    const all = new Schema({ one: kind, list: [kind] } as never);
    for (const path of ['one', 'list']) {
      (
        all.path(path) as unknown as { discriminator(name: string, of: Schema): void }
      ).discriminator('A', new Schema({ x: definition } as never, { _id: false }) as never);
    }
    return all;
  };
  const inner = (definition: object) => new Schema({ x: definition } as never, { _id: false });

  it.each<[string, (definition: object) => unknown, Doc, Doc]>([
    ['an embedded discriminator', withKinds, { 'one.x': 1 }, { one: { kind: 'A', x: 'a' } }],
    [
      'an embedded discriminator in an array',
      withKinds,
      { 'list.x': 1 },
      { list: [{ kind: 'A', x: 'a' }] },
    ],
    [
      'an array of arrays',
      (of) => new Schema({ a: [[of]] } as never),
      { 'a.0': 1 },
      { a: [['a']] },
    ],
    [
      'an array of arrays of subdocuments',
      (of) => new Schema({ a: [[inner(of)]] } as never),
      { 'a.0.x': 1 },
      { a: [[{ x: 'a' }]] },
    ],
  ])(
    'sets the message in %s, and select: false hides the value',
    async (_, make, index, document) => {
      // The index that Mongoose would not build of itself.
      const schema = make({ type: String, unique, select: false }) as Schema;
      const model = await compile(schema.index(index as never, { unique: true }));
      await model.create(document);
      for (const write of [
        () => model.create(document),
        () => model.insertMany([document]),
        () => model.bulkWrite([{ insertOne: { document } }]),
      ]) {
        const { errors } = (await rejection(write())) as { errors: Record<string, Doc> };
        expect(Object.values(errors)).toMatchObject([{ message: 'taken', value: undefined }]);
      }
    },
  );

  it('sets the message with autoIndex off', async () => {
    const schema = email(unique).plugin(uniqueGuard);
    const model = mongoose.model(
      'NeverIndexed',
      schema as unknown as Schema,
    ) as unknown as AnyModel;
    await model.collection.createIndexes([{ key: { email: 1 }, unique: true }]);
    expect(await shown(model, { email: 'a' })).toEqual({ email: ['taken', 'unique'] });
  });

  it('applies to the index on that path, not to a compound index', async () => {
    const schema = new Schema({
      a: { type: String, unique: [true, 'a taken'] },
      b: String,
    } as never);
    const model = await compile(schema as unknown as Schema);
    await model.collection.dropIndex('a_1');
    await model.collection.createIndexes([{ key: { a: 1, b: 1 }, unique: true }]);
    const message = 'Paths `a`, `b` must be unique together.';
    expect(await shown(model, { a: '1', b: '2' })).toEqual({
      a: [message, 'unique'],
      b: [message, 'unique'],
    });
  });
});

describe('options of an index', () => {
  it('rename its kind and put its error on one path', async () => {
    const model = await compile(compound(), {
      kind: 'duplicate',
      indexes: {
        tenant_1_slug_1: { path: 'slug', message: '{PATH}: {VALUE}' },
        _id_: { kind: 'id' },
      },
    });
    expect(await shown(model, { tenant: 't', slug: 's' })).toEqual({
      slug: ['slug: s', 'duplicate'],
    });
    const _id = new Types.ObjectId();
    expect(await shown(model, { _id, tenant: 'u' })).toMatchObject({
      _id: [expect.anything(), 'id'],
    });
  });

  it('put its error on a path outside the index, without a value', async () => {
    const index = { path: 'address', message: '{PATH} <{VALUE}>' };
    const model = await compile(compound(), { indexes: { tenant_1_slug_1: index } });
    expect(await shown(model, { tenant: 't', slug: 's' })).toEqual({
      address: ['address <>', 'unique'],
    });
  });
});

describe('a wrong option', () => {
  it.each([undefined, null, 'text', {}, { message: 'Taken' }])(
    'with %j instead of a schema throws a TypeError that says how to apply the plugin',
    (schema) => {
      expect(() => {
        uniqueGuard(schema as never);
      }).toThrow(
        /the schema is .*; pass the plugin itself: schema\.plugin\(uniqueGuard, options\)/,
      );
    },
  );

  it.each([
    ['text', /options is "text"; it must be an object with any of message, kind, indexes/],
    [null, /options is null/],
    [{ mesage: 'x' }, /options has no "mesage"; allowed are message, kind, indexes/],
    [{ toString: 'x' }, /options has no "toString"/],
    [{ message: 5 }, /options.message is 5; it must be a string or a function/],
    [{ kind: '' }, /options.kind is ""; it must be a string/],
    [{ kind: ['x'.repeat(60)] }, /options.kind is \["x{58}…; it must be a string/],
    [{ kind: 5n }, /options.kind is \[object BigInt\]; it must be a string/],
    [{ indexes: [] }, /options.indexes is \[\]; it must be an object by index name/],
    [
      { indexes: { a_1: 'x' } },
      /options.indexes\["a_1"\] is "x"; it must be an object with any of message, kind, path/,
    ],
    [{ indexes: { a_1: { paths: ['a'] } } }, /options.indexes\["a_1"\] has no "paths"/],
    [
      { indexes: { a_1: { path: () => 'a' } } },
      /options.indexes\["a_1"\].path is a function; it must be the path/,
    ],
  ])('%j is a TypeError when the plugin is applied', (options, message) => {
    const apply = () => new Schema({}).plugin(uniqueGuard, options as never);
    expect(apply).toThrow(TypeError);
    expect(apply).toThrow(message);
  });

  it.each([undefined, {}, { message: undefined }, { deduplicate: true }])(
    '%j is none',
    (options) => {
      expect(() => new Schema({}).plugin(uniqueGuard, options as never)).not.toThrow();
    },
  );
});

describe('if a message function or the conversion fails, the caller gets the original error', () => {
  const boom = new Error('boom');
  it.each<[string, UniqueGuardOptions['message']]>([
    [
      'a message function that throws',
      () => {
        throw boom;
      },
    ],
    ['a message function that returns no text', () => 5 as never],
    ['one that returns a promise', (() => Promise.resolve('x')) as never],
  ])('%s', async (_, message) => {
    const model = await compile(email(), { message: message as never });
    await model.create({ email: 'a' });
    for (const [write, name] of [
      [() => model.create({ email: 'a' }), 'MongoServerError'],
      [
        () =>
          model
            .updateOne({}, { email: 'a', $unset: { x: 1 } })
            .then(() => model.create({ email: 'a' })),
        'MongoServerError',
      ],
      [() => model.insertMany([{ email: 'a' }]), 'MongoBulkWriteError'],
    ] as const) {
      const error = await rejection(write());
      expect(error).toMatchObject({ name, code: 11000 });
      expect(error).toHaveProperty('uniqueGuard.failure', expect.any(Error));
      expect(Object.keys(error as object)).not.toContain('uniqueGuard');
    }
  });

  it('a value whose toJSON throws', async () => {
    const schema = new Schema({ key: { type: Schema.Types.Mixed, unique: true } });
    const model = await compile(schema as unknown as Schema, { message: '{VALUE}' });
    const key = {
      toJSON() {
        throw boom;
      },
    };
    const raw = Object.assign(new Error('E11000 duplicate key error'), {
      code: 11000,
      keyPattern: { key: 1 },
    });
    jest.spyOn(model.collection, 'insertOne').mockRejectedValueOnce(raw as never);
    const document = new model({ n: 1 });
    jest.spyOn(document, 'toBSON').mockReturnValue({ key });
    expect(await rejection(document.save())).toBe(raw);
    expect(raw).toHaveProperty('uniqueGuard.failure', boom);
  });

  it('a schema whose list of indexes is broken', async () => {
    const schema = email();
    const model = await compile(schema);
    await model.create({ email: 'a' });
    jest.spyOn(model.schema, 'indexes').mockImplementation(() => {
      throw boom;
    });
    const error = await rejection(model.create({ email: 'a' }));
    expect(error).toMatchObject({ code: 11000, uniqueGuard: { failure: boom } });
  });
});

describe('isUniqueValidationError(error, model)', () => {
  it("is true for an error of the model's collection, including discriminators, and for no other", async () => {
    const User = await compile(new Schema({ email: { type: String, unique: true } }));
    const Admin = User.discriminator('GuardAdmin', new Schema({})) as unknown as AnyModel;
    const Page = await compile(new Schema({ email: { type: String, unique: true } }));
    await User.create({ email: 'a' });
    for (const model of [User, Admin]) {
      const error = await rejection(model.create({ email: 'a' }));
      expect(isUniqueValidationError(error)).toBe(true);
      expect(isUniqueValidationError(error, User)).toBe(true);
      expect(isUniqueValidationError(error, Admin)).toBe(true);
      expect(isUniqueValidationError(error, Page)).toBe(false);
      expect(Object.keys(error as object)).not.toContain('model');
    }
    const refused = [new Error('x'), await rejection(User.create({ email: 'a' }))];
    expect(refused.filter(isUniqueValidationError)).toEqual([refused[1]]);
    expect(isUniqueValidationError(new Error('x'), User)).toBe(false);
    const alike = { name: 'ValidationError', code: 11000 };
    expect(isUniqueValidationError({ ...alike, errors: {} }, User)).toBe(false);
    for (const errors of [undefined, null, 'taken']) {
      expect(isUniqueValidationError({ ...alike, errors })).toBe(false);
    }
  });
});
