import defaultMongoose, { Mongoose, Schema, type ClientSession, type IndexOptions } from 'mongoose';
import {
  explainUniqueIndexError,
  formatAudit,
  uniqueGuard,
  type AnySchema,
  type AuditedIndex,
  type UniqueIndexAudit,
} from 'mongoose-unique-guard';
import { testUri, useDatabase, withMongoose } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase();

let models = 0;
/** A model that nothing was built for: no collection, no index. */
function compile(schema: AnySchema, options = {}): AnyModel {
  models += 1;
  schema.set('autoCreate', false).plugin(uniqueGuard, options);
  return mongoose.model(`Audited${String(models)}`, schema) as unknown as AnyModel;
}

const email = () => new Schema({ email: { type: String, unique: true }, name: String });

/** A schema of one unique index. */
const on = (keyPattern: Record<string, unknown>, options: IndexOptions = {}) =>
  new Schema({}, { strict: false }).index(keyPattern as never, { ...options, unique: true });

const statuses = ({ indexes }: UniqueIndexAudit) =>
  indexes.map(({ name, status }) => [name, status]);
const only = ({ indexes }: UniqueIndexAudit): AuditedIndex => {
  expect(indexes).toHaveLength(1);
  return indexes[0] as AuditedIndex;
};
const build = (model: AnyModel, key: object, options: object = {}) =>
  model.collection.createIndexes([{ key, ...options }] as never);

describe('the indexes that exist', () => {
  it('are all missing, without blocking documents, if the collection does not exist', async () => {
    const model = compile(email());
    expect(await model.auditUniqueIndexes()).toEqual({
      model: model.modelName,
      collection: model.collection.name,
      ok: false,
      indexes: [
        {
          name: 'email_1',
          keyPattern: { email: 1 },
          status: 'missing',
          blocking: { keys: 0, documents: 0, groups: [] },
        },
      ],
      undeclared: [],
      leftover: [],
    });
    const collections = await mongoose.connection.listCollections();
    expect(collections.map(({ name }) => name)).not.toContain(model.collection.name);
  });

  it('are all ok once they are built, for every kind of index', async () => {
    const schema = email()
      .index({ name: 1, 'nested.path': -1 }, { unique: true, sparse: true })
      .index({ tags: 1 }, { unique: true, name: 'a name with blanks' })
      .index({ a: 1 }, { unique: true, partialFilterExpression: { a: { $gt: 1 }, b: 'x' } })
      .index({ b: 1 }, { unique: true, collation: { locale: 'da' } })
      .index({ c: 1 }, { unique: true, collation: { locale: 'fr_CA', strength: 2 } })
      .index({ d: 1 }, { unique: true, collation: { locale: 'simple' } })
      .index({ place: '2dsphere' }, { unique: true })
      .index({ spot: '2d' }, { unique: true })
      .index({ z: 1, title: 'text', body: 'text', y: 1 }, { unique: true })
      .index({ name: 1 })
      .index({ gone: 1 }, { unique: true, expireAfterSeconds: 9 });
    const model = compile(schema);
    await model.createIndexes();
    const audit = await model.auditUniqueIndexes();
    expect(audit).toMatchObject({ ok: true, undeclared: [] });
    expect(audit.indexes).toHaveLength(11);
    expect(audit.indexes.every((index) => !('blocking' in index || 'differences' in index))).toBe(
      true,
    );
  });

  it('are not examined if the server cannot make them unique, or an aggregation cannot compute their keys', async () => {
    const schema = new Schema({}, { strict: false })
      .index({ a: 'hashed' }, { unique: true })
      .index({ '$**': 1 }, { unique: true })
      .index({ 'b.$**': 1 }, { unique: true })
      .index({ c: 'text' }, { unique: true })
      .index({ d: '2dsphere' }, { unique: true })
      .index({ 'e.0': 1 }, { unique: true })
      .index({ 'f.$id': 1 }, { unique: true });
    const model = compile(schema);
    await model.collection.insertMany([
      { a: 1, c: 'x', e: [1] },
      { a: 1, c: 'x', e: [1] },
    ] as never);
    const { indexes } = await model.auditUniqueIndexes();
    expect(indexes.map(({ status, notExamined }) => [status, notExamined])).toEqual([
      ['missing', 'a hashed index cannot be unique'],
      ['missing', 'a wildcard index cannot be unique'],
      ['missing', 'a wildcard index cannot be unique'],
      ['missing', 'the keys of a "text" index are the server\'s own'],
      ['missing', 'the keys of a "2dsphere" index are the server\'s own'],
      ['missing', 'the path "e.0" has a part that is a number, empty, or begins with "$"'],
      ['missing', 'the path "f.$id" has a part that is a number, empty, or begins with "$"'],
    ]);
    expect(indexes.some((index) => 'blocking' in index)).toBe(false);
  });

  it('do not include the index on _id, even if the schema declares it', async () => {
    const model = compile(new Schema({ name: String }));
    await model.createCollection();
    expect(await model.auditUniqueIndexes()).toMatchObject({
      ok: true,
      indexes: [],
      undeclared: [],
    });
    const clustered = compile(new Schema({ name: String }));
    await clustered.createCollection({
      clusteredIndex: { key: { _id: 1 }, unique: true },
    } as never);
    expect(await clustered.auditUniqueIndexes()).toMatchObject({ indexes: [], undeclared: [] });
  });

  it('are not examined for a view', async () => {
    const model = compile(email());
    await mongoose.connection.createCollection(model.collection.name, {
      viewOn: 'somewhere',
      pipeline: [],
    } as never);
    expect(only(await model.auditUniqueIndexes())).toMatchObject({
      status: 'missing',
      notExamined: `${model.collection.name} is a view, which has no indexes`,
    });
  });

  it('are undeclared if only the database has them, unless another model declares them', async () => {
    const model = compile(email());
    await model.createIndexes();
    await build(model, { name: 1 }, { unique: true, sparse: true });
    await build(model, { other: 1, name: 1 }, { name: 'of_other', unique: true });
    await build(model, { plain: 1 });
    await model.collection.insertMany([{ other: null }, { other: 1, email: 'b' }] as never);
    const first = await model.auditUniqueIndexes();
    expect(first.undeclared).toEqual([{ name: 'name_1', keyPattern: { name: 1 }, sparse: true }]);
    expect(first.leftover).toEqual([
      {
        name: 'of_other',
        keyPattern: { other: 1, name: 1 },
        absentPaths: ['other'],
        documents: 1,
      },
    ]);
    // A warning: all that is declared exists.
    expect(first.ok).toBe(true);
    mongoose.model('Other', on({ other: 1, name: 1 }, { name: 'of_other' }), model.collection.name);
    const { ok, undeclared, leftover } = await model.auditUniqueIndexes();
    expect(undeclared.map(({ name }) => name)).toEqual(['name_1']);
    expect(leftover).toEqual([]);
    expect(ok).toBe(true);
  });
});

describe('an index that is not the declared one', () => {
  type Row = [
    declared: [Record<string, unknown>, IndexOptions],
    there: [object, object],
    status: string,
    differences: [option: string, declared: unknown, actual: unknown][],
  ];
  const en = (strength: number) => ({ locale: 'en', strength });
  const filter = { a: { $gt: 1 } };
  const unique = { unique: true };

  it.each<Row>([
    [[{ a: 1 }, {}], [{ a: 1 }, {}], 'cannot be built', []],
    [[{ a: 1 }, {}], [{ a: 1 }, { name: 'x' }], 'not unique', [['name', 'a_1', 'x']]],
    [
      [{ a: 1 }, {}],
      [{ a: 1 }, { sparse: true }],
      'cannot be built',
      [['sparse', undefined, true]],
    ],
    [[{ a: 1 }, {}], [{ a: 1 }, { ...unique, name: 'x' }], 'different', [['name', 'a_1', 'x']]],
    [
      [{ a: 1 }, {}],
      [{ a: 1 }, { ...unique, sparse: true }],
      'different',
      [['sparse', undefined, true]],
    ],
    [[{ a: 1 }, { sparse: true }], [{ a: 1 }, unique], 'different', [['sparse', true, undefined]]],
    [
      [{ a: 1 }, {}],
      [{ a: 1 }, { ...unique, partialFilterExpression: filter }],
      'different',
      [['partialFilterExpression', undefined, filter]],
    ],
    [
      [{ a: 1 }, { partialFilterExpression: filter }],
      [{ a: 1 }, { ...unique, partialFilterExpression: { a: { $gt: 2 } } }],
      'different',
      [['partialFilterExpression', filter, { a: { $gt: 2 } }]],
    ],
    [
      [{ a: 1 }, { collation: en(2) }],
      [{ a: 1 }, unique],
      'different',
      [['collation', en(2), undefined]],
    ],
    [
      [{ a: 1 }, {}],
      [{ a: 1 }, { ...unique, collation: en(2) }],
      'different',
      [['collation', undefined, en(2)]],
    ],
    [
      [{ a: 1 }, { collation: { locale: 'en' } }],
      [{ a: 1 }, { ...unique, collation: { ...en(2), caseLevel: true } }],
      'different',
      [['collation', { locale: 'en' }, { ...en(2), caseLevel: true }]],
    ],
    [
      [{ a: 1 }, {}],
      [{ a: -1 }, unique],
      'different',
      [
        ['name', 'a_1', 'a_-1'],
        ['keyPattern', { a: 1 }, { a: -1 }],
      ],
    ],
    [
      [{ a: 1, b: 1 }, { name: 'n' }],
      [
        { b: 1, a: 1 },
        { ...unique, name: 'n' },
      ],
      'different',
      [['keyPattern', { a: 1, b: 1 }, { b: 1, a: 1 }]],
    ],
    [
      [{ a: 1 }, {}],
      [{ b: 1 }, { ...unique, name: 'a_1' }],
      'cannot be built',
      [['keyPattern', { a: 1 }, { b: 1 }]],
    ],
    [[{ a: 1 }, {}], [{ a: 1, b: 1 }, unique], 'missing', []],
    [[{ a: 1 }, {}], [{ b: 1 }, unique], 'missing', []],
  ])(
    '%j, where %j exists: %s',
    async ([key, options], [thereKey, thereOptions], status, differences) => {
      const model = compile(on(key, options));
      await build(model, thereKey, thereOptions);
      const audit = await model.auditUniqueIndexes();
      const index = only(audit);
      expect(audit.ok).toBe(false);
      expect(index.status).toBe(status);
      expect(
        (index.differences ?? []).map((one) => [one.option, one.declared, one.actual]),
      ).toEqual(differences);
      // One that only has another name is there, so nothing is looked for.
      const isThere = status === 'different' && differences.every(([option]) => option === 'name');
      expect('blocking' in index).toBe(!isThere);
      // As the server says.
      const error: unknown = await model.createIndexes().catch((one: unknown) => one);
      if (status === 'cannot be built') {
        expect(error).toHaveProperty('code', 86);
        expect(index.obstacle).toContain("collection.dropIndex('a_1')");
        expect(explainUniqueIndexError(error, model)).toContain("collection.dropIndex('a_1')");
      } else expect('obstacle' in index).toBe(false);
    },
  );

  it('is compared with the nearest of several', async () => {
    const model = compile(on({ a: 1 }));
    await build(model, { b: 1 }, { name: 'a_1' });
    await build(model, { a: 1 }, { name: 'plain' });
    expect(only(await model.auditUniqueIndexes()).status).toBe('cannot be built');
    await build(model, { a: 1 }, { name: 'unique sparse', unique: true, sparse: true });
    expect(only(await model.auditUniqueIndexes())).toMatchObject({
      status: 'different',
      differences: [{ option: 'name' }, { option: 'sparse' }],
    });
  });

  it('is examined for what blocks the declared one', async () => {
    const model = compile(on({ a: 1 }));
    await build(model, { a: 1 }, { unique: true, sparse: true });
    await model.collection.insertMany([{ b: 1 }, { b: 2 }] as never);
    expect(only(await model.auditUniqueIndexes()).blocking).toMatchObject({
      keys: 1,
      documents: 2,
    });
  });
});

describe('an index that the server refuses to build', () => {
  it.each([
    [{ d: { $exists: false } }, 'Write { d: null }'],
    [{ d: { $ne: null } }, "Write { d: { $type: 'date' } }."],
    [{ $expr: { $gt: ['$a', 1] } }, 'Store what the expression computes'],
  ])('for its filter %j', async (partialFilterExpression, advice) => {
    const schema = new Schema({ a: Number, d: Date }).index(
      { a: 1 },
      { unique: true, partialFilterExpression },
    );
    const model = compile(schema);
    const audit = await model.auditUniqueIndexes();
    const sentence = explainUniqueIndexError(await rejection(model.createIndexes()), model);
    expect(sentence).toContain(advice);
    expect(only(audit)).toMatchObject({ status: 'cannot be built', obstacle: sentence });
    expect(audit.ok).toBe(false);
    expect(formatAudit(audit)).toContain(`  cannot be built\n      ${String(sentence)}\n`);
  });

  it.each([{ $or: [{ a: 1 }, { d: null }] }, { a: { $in: [1, 2] } }])(
    'only before MongoDB 6.0, for %j',
    async (partialFilterExpression) => {
      const schema = new Schema({ a: Number, d: Date }).index(
        { a: 1 },
        { unique: true, partialFilterExpression },
      );
      const model = compile(schema);
      expect(only(await model.auditUniqueIndexes()).status).toBe('missing');
      jest.spyOn(model.db.db as never as { command(): unknown }, 'command').mockImplementation(((
        command: Doc,
      ) => {
        if ('hello' in command) return Promise.resolve({ maxWireVersion: 9 });
        return Promise.reject(Object.assign(new Error('no collection'), { code: 26 }));
      }) as never);
      try {
        expect(only(await model.auditUniqueIndexes())).toMatchObject({
          status: 'cannot be built',
          obstacle: expect.stringContaining('Use MongoDB 6.0 or later') as string,
        });
      } finally {
        jest.restoreAllMocks();
      }
    },
  );

  it('before MongoDB 6.0, because an index on the same keys has another name', async () => {
    const model = compile(on({ a: 1 }));
    await build(model, { a: 1 }, { name: 'plain' });
    const { db } = model.db;
    const command = db?.command.bind(db) as (command: Doc) => Promise<Doc>;
    jest
      .spyOn(db as never as { command(): unknown }, 'command')
      .mockImplementation(((one: Doc) =>
        'hello' in one ? Promise.resolve({ maxWireVersion: 9 }) : command(one)) as never);
    try {
      expect(only(await model.auditUniqueIndexes())).toMatchObject({
        status: 'cannot be built',
        obstacle: expect.stringContaining("dropIndex('plain')") as string,
      });
    } finally {
      jest.restoreAllMocks();
    }
    expect(only(await model.auditUniqueIndexes()).status).toBe('not unique');
  });
});

describe('documents without a value', () => {
  const audited = async (definition: object, options = {}, documents: Doc[] = [{}, {}]) => {
    const schema = new Schema({ a: definition } as never).index(
      { a: 1 },
      { unique: true, ...options },
    );
    const model = compile(schema as never);
    await model.collection.insertMany(documents as never);
    return only(await model.auditUniqueIndexes());
  };

  it('are reported with advice for missing values', async () => {
    const index = await audited({ type: String });
    expect(index).toMatchObject({ status: 'missing', blocking: { keys: 1 } });
    expect(index.missingValues).toBe(
      'Give these documents a value and make the path required, or index only ' +
        "documents with a value: partialFilterExpression: { a: { $type: 'string' } }.",
    );
  });

  it('are reported with advice for a sparse index, if null is stored', async () => {
    const { missingValues } = await audited(String, { sparse: true }, [{ a: null }, { a: null }]);
    expect(missingValues).toContain('sparse does not leave out a stored null');
  });

  it('have no such advice if the path is required or the index has a filter', async () => {
    for (const index of [
      await audited({ type: String, required: true }),
      await audited(String, { partialFilterExpression: { b: null } }),
      await audited(String, {}, [{ a: 'x' }, { a: 'x' }, {}]),
    ]) {
      expect(index.blocking?.keys).toBe(1);
      expect(index).not.toHaveProperty('missingValues');
    }
  });
});

describe('the default collation of a collection', () => {
  it.each([
    ['is that of an index without one', {}, {}, 'ok'],
    [
      'is that of an index that names the same',
      { collation: { locale: 'en', strength: 2 } },
      {},
      'ok',
    ],
    [
      'is not that of an index that compares bytes',
      {},
      { collation: { locale: 'simple' } },
      'different',
    ],
    [
      'is not that of a schema that compares bytes',
      { collation: { locale: 'simple' } },
      {},
      'different',
    ],
  ])('%s', async (_, declared, there, status) => {
    const model = compile(on({ a: 1 }, declared as IndexOptions));
    await model.createCollection({ collation: { locale: 'en', strength: 2 } });
    await build(model, { a: 1 }, { unique: true, ...there });
    expect(only(await model.auditUniqueIndexes()).status).toBe(status);
  });

  it('decides which documents block an index without a collation', async () => {
    const model = compile(on({ a: 1 }));
    await model.createCollection({ collation: { locale: 'en', strength: 2 } });
    await model.collection.insertMany([{ a: 'X' }, { a: 'x' }] as never);
    expect(only(await model.auditUniqueIndexes()).blocking).toMatchObject({
      keys: 1,
      documents: 2,
    });
    await expect(build(model, { a: 1 }, { unique: true })).rejects.toMatchObject({ code: 11000 });
  });

  it('in the schema applies to its indexes, except text indexes', async () => {
    const schema = new Schema(
      { a: { type: String, unique: true }, t: String },
      { collation: { locale: 'en', strength: 1 } },
    ).index({ t: 'text' }, { unique: true });
    const model = compile(schema);
    // Made without a collation: the indexes have it from the schema.
    await mongoose.connection.createCollection(model.collection.name);
    await model.collection.insertMany([{ a: 'é' }, { a: 'E' }] as never);
    const { indexes } = await model.auditUniqueIndexes();
    expect(indexes[0]).toMatchObject({
      collation: { locale: 'en', strength: 1 },
      blocking: { keys: 1 },
    });
    await model.deleteMany();
    await model.createIndexes();
    expect(await model.auditUniqueIndexes()).toMatchObject({ ok: true });
  });
});

describe('discriminators', () => {
  const animals = (own: Pick<Mongoose, 'model'> = mongoose) => {
    const options = { discriminatorKey: 'kind', autoCreate: false };
    const base = new Schema({ tag: { type: String, unique: true }, t: String }, options);
    base.index({ t: 1, tag: 1 }, { unique: true }).plugin(uniqueGuard);
    models += 1;
    const Base = own.model(`Base${String(models)}`, base) as unknown as AnyModel;
    const dog = new Schema({
      chip: { type: String, unique: true },
      sparse: { type: String, unique: true, sparse: true },
    });
    dog.index({ chip: 1, t: 1 }, { unique: true });
    dog.index({ pf: 1 }, { unique: true, partialFilterExpression: { pf: { $exists: true } } });
    const cat = new Schema({ lives: { type: Number, unique: true } });
    const Dog = Base.discriminator(`Dog${String(models)}`, dog, 'dog') as unknown as AnyModel;
    const Cat = Base.discriminator(`Cat${String(models)}`, cat) as unknown as AnyModel;
    return { Base, Dog, Cat };
  };
  const ofAll = ['tag_1', 't_1_tag_1', 'chip_1', 'sparse_1', 'chip_1_t_1', 'pf_1', 'lives_1'];

  it('are covered by their base, as Mongoose builds their indexes', () =>
    withMongoose(defaultMongoose, async (own) => {
      const { Base, Dog, Cat } = animals(own);
      const missing = await Base.auditUniqueIndexes();
      expect(statuses(missing)).toEqual(ofAll.map((name) => [name, 'missing']));
      for (const model of [Base, Dog, Cat]) await model.createIndexes();
      for (const model of [Base, Dog, Cat]) {
        expect(await model.auditUniqueIndexes()).toMatchObject({ ok: true, undeclared: [] });
      }
      const names = statuses(await Cat.auditUniqueIndexes()).map(([name]) => name);
      expect(names).toEqual(['lives_1', 'tag_1', 't_1_tag_1']);
    }));

  it('do not repeat the indexes of their base, with a new Mongoose() as well', async () => {
    const { Base, Dog } = animals();
    await Base.createIndexes();
    await expect(Dog.createIndexes()).rejects.toMatchObject({ code: 86 });
    expect(statuses(await Base.auditUniqueIndexes())).toEqual(
      ofAll.map((name) => [name, name === 'lives_1' ? 'missing' : 'ok']),
    );
  });

  it('are blocked only by documents of their kind', async () => {
    const { Base } = animals();
    await Base.collection.insertMany([
      { tag: '1', kind: 'dog', chip: 'x' },
      { tag: '2', kind: 'dog', chip: 'x' },
      { tag: '3', kind: 'other', chip: 'x' },
    ] as never);
    const { indexes } = await Base.auditUniqueIndexes();
    const chip = indexes.find(({ name }) => name === 'chip_1');
    expect(chip).toMatchObject({
      partialFilterExpression: { kind: 'dog' },
      blocking: { keys: 1, documents: 2 },
    });
  });

  it('with the same unique path: the second index of that name is not built', async () => {
    const Base = compile(new Schema({}, { discriminatorKey: 'kind' }));
    const code = () => new Schema({ code: { type: String, unique: true } });
    const [A, B] = ['A', 'B'].map(
      (kind) => Base.discriminator(`${kind}${String(models)}`, code(), kind) as unknown as AnyModel,
    );
    await A?.createIndexes();
    await expect(B?.createIndexes()).rejects.toMatchObject({ code: 86 });
    const audit = await Base.auditUniqueIndexes();
    expect(statuses(audit)).toEqual([
      ['code_1', 'ok'],
      ['code_1', 'different'],
    ]);
    expect(audit.indexes[1]?.differences).toEqual([
      { option: 'partialFilterExpression', declared: { kind: 'B' }, actual: { kind: 'A' } },
    ]);
  });
});

describe('an index that is being built', () => {
  it('is distinguished from one that exists, and is ok afterwards', async () => {
    const model = compile(email());
    const { db } = mongoose.connection;
    // Enough that a build takes a moment.
    await db
      ?.aggregate([
        { $documents: [{}] },
        { $project: { i: { $range: [0, 60_000] } } },
        { $unwind: '$i' },
        { $project: { _id: '$i', email: { $toString: '$i' } } },
        { $out: model.collection.name },
      ])
      .toArray();
    let isBuilding = false;
    for (let round = 0; round < 10 && !isBuilding; round += 1) {
      const building = build(model, { email: 1 }, { unique: true });
      const session = await holdBuild(model);
      const audit = await model.auditUniqueIndexes();
      await session?.abortTransaction();
      await session?.endSession();
      await building;
      isBuilding = only(audit).status === 'building';
      if (isBuilding) {
        expect(audit).toEqual({
          ...audit,
          ok: false,
          indexes: [{ name: 'email_1', keyPattern: { email: 1 }, status: 'building' }],
          undeclared: [],
        });
        expect(await model.auditUniqueIndexes()).toMatchObject({ ok: true });
      }
      await model.collection.dropIndex('email_1');
    }
    expect(isBuilding).toBe(true);
  });

  /** A build cannot end while a transaction has written to the collection. */
  async function holdBuild(model: AnyModel): Promise<ClientSession | undefined> {
    const command = { listIndexes: model.collection.name, includeBuildUUIDs: true };
    for (;;) {
      const { cursor } = (await mongoose.connection.db?.command(command)) as {
        cursor: { firstBatch: Doc[] };
      };
      if (cursor.firstBatch.some((index) => 'buildUUID' in index)) break;
      if (cursor.firstBatch.length > 1) return undefined;
    }
    const session = await mongoose.startSession();
    session.startTransaction();
    await model.collection.updateOne({ _id: 1 as never }, { $set: { touched: true } }, { session });
    return session;
  }
});

describe('the documents that block an index', () => {
  const duplicates = async (options = {}, schema = email()) => {
    const model = compile(schema, options);
    const documents = ['c', 'a', 'b', 'a', 'b', 'b', 'd'].map((one, _id) => ({ _id, email: one }));
    await model.collection.insertMany(documents as never);
    return model;
  };

  it('are listed by key, those with the most documents first', async () => {
    const model = await duplicates();
    expect(only(await model.auditUniqueIndexes()).blocking).toEqual({
      keys: 2,
      documents: 5,
      groups: [
        { key: { email: 'b' }, count: 3, ids: [2, 4, 5] },
        { key: { email: 'a' }, count: 2, ids: [1, 3] },
      ],
    });
  });

  it.each([
    [
      2,
      [
        [2, 4],
        [1, 3],
      ],
    ],
    [1, [[2]]],
    [0, []],
  ])('are listed up to a sample of %j, with exact totals', async (sample, ids) => {
    const model = await duplicates();
    const { blocking } = only(await model.auditUniqueIndexes({ sample }));
    expect(blocking).toMatchObject({ keys: 2, documents: 5 });
    expect(blocking?.groups.map((group) => group.ids)).toEqual(ids);
  });

  it('with an empty array are listed with [], those without the path with null', async () => {
    const model = compile(new Schema({ tags: { type: [String], unique: true } }));
    await model.collection.insertMany([
      { tags: [] },
      { tags: [] },
      {},
      { tags: null },
      {},
    ] as never);
    expect(only(await model.auditUniqueIndexes()).blocking?.groups).toMatchObject([
      { key: { tags: null }, count: 3 },
      { key: { tags: [] }, count: 2 },
    ]);
  });

  it.each([
    [
      'of a path that select leaves out',
      new Schema({ email: { type: String, unique: true, select: false } }),
      {},
    ],
    ['of a path in hideValues', email(), { hideValues: ['email'] }],
    ['where all values are hidden', email(), { hideValues: true }],
  ])('are listed without the values %s', async (_, schema, options) => {
    const model = await duplicates(options, schema as never);
    const audit = await model.auditUniqueIndexes();
    expect(only(audit).blocking?.groups).toEqual([
      { key: {}, count: 3, ids: [2, 4, 5] },
      { key: {}, count: 2, ids: [1, 3] },
    ]);
    expect(JSON.stringify(audit)).not.toMatch(/"[abcd]"/);
  });

  it('are listed with the values of the paths that are not hidden', async () => {
    const schema = new Schema({ tenant: String, token: { type: String, select: false } });
    const model = compile(schema.index({ token: 1, tenant: 1 }, { unique: true }));
    await model.collection.insertMany([
      { tenant: 't', token: 's' },
      { tenant: 't', token: 's' },
    ] as never);
    expect(only(await model.auditUniqueIndexes()).blocking?.groups[0]?.key).toEqual({
      tenant: 't',
    });
  });

  it.each([
    ['before 6.0', { maxWireVersion: 13 }],
    [
      'before 4.4, which has another name for hello',
      Object.assign(new Error('hello'), { code: 59 }),
    ],
  ])('are listed with two ids for each key by a server %s', async (_, answer) => {
    const model = await duplicates();
    const shared = compile(on({ a: 1 }));
    const arrays = [[1, 2], [2, 3], [3, 1], [9], [3]].map((a) => ({ a }));
    await shared.collection.insertMany(arrays as never);
    const { db } = mongoose.connection as unknown as { db: { command: (command: Doc) => unknown } };
    const send = db.command.bind(db);
    const command = jest.spyOn(db, 'command').mockImplementation((sent) => {
      if (!('hello' in sent)) return send(sent);
      return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
    });
    const blocking = only(await model.auditUniqueIndexes()).blocking;
    const ofShared = only(await shared.auditUniqueIndexes()).blocking;
    const calls = command.mock.calls.filter(([sent]) => 'hello' in sent);
    command.mockRestore();
    // For each index: is it a sharded cluster, and how are the groups to be counted?
    expect(calls).toHaveLength(4);
    expect(blocking).toEqual({
      keys: 2,
      documents: 5,
      groups: [
        { key: { email: 'b' }, count: 3, ids: [2, 5] },
        { key: { email: 'a' }, count: 2, ids: [1, 3] },
      ],
    });
    expect(ofShared).toMatchObject({ keys: 3, documents: 4 });
    expect(await shared.auditUniqueIndexes()).toMatchObject({
      indexes: [{ blocking: { keys: 3, documents: 4 } }],
    });
  });
});

it('a server that refuses the command hello rejects with its error', async () => {
  const model = compile(email());
  await model.collection.insertMany([{ email: 'a' }, { email: 'a' }] as never);
  const { db } = mongoose.connection as unknown as { db: { command: (command: Doc) => unknown } };
  const send = db.command.bind(db);
  for (const refusal of [Object.assign(new Error('no'), { code: 13 }), new Error('closed')]) {
    const command = jest
      .spyOn(db, 'command')
      .mockImplementation((sent) => ('hello' in sent ? Promise.reject(refusal) : send(sent)));
    expect(await rejection(model.auditUniqueIndexes())).toBe(refusal);
    command.mockRestore();
  }
});

describe('nothing is changed', () => {
  it('only these commands are sent', async () => {
    const monitored = await mongoose
      .createConnection(testUri(mongoose.connection.name), {
        monitorCommands: true,
        autoCreate: false,
      })
      .asPromise();
    const commands: [string, unknown][] = [];
    monitored.getClient().on('commandStarted', ({ commandName, command }) => {
      commands.push([commandName, (command as Doc)['pipeline']]);
    });
    const schema = on({ a: 1, b: 1 })
      .index({ c: 1 }, { unique: true })
      .index({ d: 1 }, { unique: true, sparse: true });
    const model = monitored.model('Monitored', schema.plugin(uniqueGuard) as unknown as Schema);
    await model.collection.insertMany([
      { a: [1, 2], b: 1 },
      { a: [2, 1], b: 1 },
    ] as never);
    commands.length = 0;
    const before = await monitored.db?.command({ dbHash: 1 });
    await model.auditUniqueIndexes();
    expect(await monitored.db?.command({ dbHash: 1 })).toMatchObject({
      collections: before?.['collections'] as object,
    });
    await monitored.close();
    const sent = commands.map(([name]) => name);
    expect(new Set(sent)).toEqual(
      new Set(['listIndexes', 'aggregate', 'hello', 'dbHash', 'endSessions']),
    );
    const stages = commands.flatMap(
      ([, pipeline]) => (pipeline as Doc[] | undefined)?.flatMap(Object.keys) ?? [],
    );
    expect(stages).not.toEqual(expect.arrayContaining([expect.stringMatching(/^\$(out|merge)$/)]));
    // All is there for nothing but the first index: one scan for each other, three for that.
    expect(sent.filter((name) => name === 'aggregate')).toHaveLength(3 + 2 + 1);
  });

  it('the schema and its options stay the same', async () => {
    const model = compile(
      email().index({ a: 1 }, { unique: true, partialFilterExpression: { a: { $gt: 1 } } }),
    );
    const before = JSON.stringify(model.schema.indexes());
    const audit = await model.auditUniqueIndexes();
    Object.assign(audit.indexes[0]?.keyPattern as object, { changed: 1 });
    expect(JSON.stringify(model.schema.indexes())).toBe(before);
  });
});

describe('options and connections', () => {
  const User = compile(email());

  it.each([
    [null, /options is null; it must be an object/],
    [5, /options is 5; it must be an object/],
    [{ samples: 5 }, /options has no "samples"; allowed are sample, onProgress/],
    [{ sample: -1 }, /sample is -1; it must be a whole number from 0 to 1000/],
    [{ sample: 1001 }, /sample is 1001/],
    [{ sample: 1.5 }, /sample is 1.5/],
    [{ sample: '10' }, /sample is "10"/],
    [{ onProgress: 'log' }, /onProgress is "log"; it must be a function/],
  ])('%j is a TypeError', async (options, message) => {
    const audit = User.auditUniqueIndexes(options as never);
    await expect(audit).rejects.toThrow(TypeError);
    await expect(audit).rejects.toThrow(message);
  });

  it('a model without a connection rejects with an error that names the model', async () => {
    const model = new Mongoose().model('Lonely', email().plugin(uniqueGuard));
    await expect(model.auditUniqueIndexes()).rejects.toThrow(
      'auditUniqueIndexes: Lonely has no connection to a database; await mongoose.connect(uri) first.',
    );
  });

  it('a connection that is being opened is waited for', () =>
    withMongoose(new Mongoose(), async (own) => {
      await own.disconnect();
      own.set('autoIndex', false);
      const model = own.model('Waiting', email().plugin(uniqueGuard), 'waiting');
      const opening = own.connect(testUri());
      expect(await model.auditUniqueIndexes()).toMatchObject({ model: 'Waiting', ok: false });
      await opening;
    }));

  it('keeps a static of the user', () => {
    const schema = new Schema({}, { statics: { auditUniqueIndexes: () => 'mine' } });
    schema.plugin(uniqueGuard);
    expect(
      (compile(schema) as unknown as { auditUniqueIndexes: () => string }).auditUniqueIndexes(),
    ).toBe('mine');
  });

  it('onProgress is called before the scans for each index', async () => {
    const steps: unknown[] = [];
    await User.auditUniqueIndexes({ onProgress: (step) => steps.push(step) });
    expect(steps).toEqual([
      { model: User.modelName, collection: User.collection.name, index: 'email_1' },
    ]);
  });
});

describe('a server that does not support listing index builds', () => {
  it.each([['an API version that is strict', { serverApi: { version: '1', strict: true } }]])(
    '%s',
    async (_, options) => {
      const strict = await mongoose
        .createConnection(testUri(mongoose.connection.name), options as never)
        .asPromise();
      const model = strict.model('Strict', email().plugin(uniqueGuard) as unknown as Schema);
      await model.createIndexes();
      expect(await model.auditUniqueIndexes()).toMatchObject({ ok: true });
      await strict.close();
    },
  );

  it('but an error that is about something else rejects', async () => {
    const model = compile(email());
    const { db } = mongoose.connection as unknown as { db: { command: () => Promise<unknown> } };
    const command = jest.spyOn(db, 'command');
    const refusal = Object.assign(new Error('not authorized'), { code: 13 });
    command.mockRejectedValue(refusal);
    expect(await rejection(model.auditUniqueIndexes())).toBe(refusal);
    expect(command).toHaveBeenCalledTimes(2);
    command.mockRejectedValue(new Error('socket closed'));
    await expect(model.auditUniqueIndexes()).rejects.toThrow('socket closed');
    expect(command).toHaveBeenCalledTimes(3);
    command.mockRestore();
  });
});
