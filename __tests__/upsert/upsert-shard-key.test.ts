/** A schema with `shardKey`: what is sent, and what is refused before anything is. On a replica set. */
import { Schema } from 'mongoose';
import { watchCommands } from '../support/commands';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase({ monitorCommands: true });
const compile = modelFactory(mongoose);

/** Unique on the shard key `tenant` and the slug, and on two indexes that lack it. */
function articles(options: object = { shardKey: { tenant: 1 } }): Schema {
  const schema = new Schema(
    {
      tenant: { type: String, lowercase: true },
      slug: String,
      email: { type: String, unique: true, sparse: true },
      title: String,
      place: { country: String, city: String },
    },
    options as never,
  );
  return schema.index({ tenant: 1, slug: 1 }, { unique: true }) as Schema;
}

const refuse = (model: AnyModel, input: Doc, options: Doc = {}) =>
  rejection(model.saveOrUpsert(input, options)) as Promise<Error>;

/** What is sent meanwhile, with the outcome. */
async function watch(run: () => Promise<unknown>): Promise<{ sent: Doc[]; error?: Error }> {
  const commands = watchCommands(mongoose);
  try {
    await run();
    return { sent: commands.take() };
  } catch (error) {
    return { sent: commands.take(), error: error as Error };
  }
}

const filterOf = ({ query, updates }: Doc) => (query ?? (updates as Doc[])[0]?.['q']) as Doc;

/** The outcome of one input, of a call of many. */
async function sendMany(model: AnyModel, input: Doc, options: Doc): Promise<void> {
  const { results } = await model.saveOrUpsertMany([input], options);
  if (results[0]?.error) throw results[0].error;
}

type Call = (input: unknown, options: object) => Promise<unknown>;

describe('a conflict target without the shard key rejects before anything is sent', () => {
  const lacking = (target: string, key: string, instead: string) =>
    `saveOrUpsert: conflictTarget ${target} does not contain the whole shard key ${key}; ` +
    `declare and use a unique index such as ${instead}.`;
  const HASHED = { shardKey: { _id: 'hashed' } };
  const NESTED = { shardKey: { 'place.country': 1 } };

  it.each<[string, object, unknown, string]>([
    [
      'another path',
      { shardKey: { tenant: 1 } },
      'email',
      lacking('"email"', '{ tenant: 1 }', '{ tenant: 1, email: 1 }'),
    ],
    [
      'the spelling shardkey',
      { shardkey: { tenant: 1 } },
      'email',
      lacking('"email"', '{ tenant: 1 }', '{ tenant: 1, email: 1 }'),
    ],
    [
      '_id',
      { shardKey: { tenant: 1 } },
      '_id',
      lacking('"_id"', '{ tenant: 1 }', '{ tenant: 1, _id: 1 }'),
    ],
    [
      'a part of a compound shard key',
      { shardKey: { tenant: 1, title: 1 } },
      ['tenant', 'slug'],
      lacking('["tenant","slug"]', '{ tenant: 1, title: 1 }', '{ tenant: 1, title: 1, slug: 1 }'),
    ],
    [
      'a hashed _id',
      HASHED,
      'email',
      lacking('"email"', '{ _id: "hashed" }', '{ _id: 1, email: 1 }'),
    ],
    [
      'a nested path',
      NESTED,
      'email',
      lacking('"email"', '{ place.country: 1 }', '{ place.country: 1, email: 1 }'),
    ],
  ])('%s', async (_, options, conflictTarget, message) => {
    const model = await compile(articles(options));
    const input = { _id: '5'.repeat(24), tenant: 'a', slug: 'b', email: 'c' };
    for (const method of ['saveOrUpsert', 'saveOrUpsertMany'] as const) {
      const given = method === 'saveOrUpsert' ? input : [input];
      const { sent, error } = await watch(() =>
        (model[method] as Call).call(model, given, { conflictTarget }),
      );
      expect(sent).toEqual([]);
      expect(error).toBeInstanceOf(TypeError);
      expect(error?.message).toContain(message);
    }
  });

  it('names what can be the target, or that nothing can', async () => {
    const model = await compile(articles());
    const one = await refuse(model, { email: 'c' }, { conflictTarget: 'email' });
    expect(one.message).toMatch(/can be found by "tenant_1_slug_1" \(tenant, slug\)\.$/);
    const none = await compile(articles({ shardKey: { title: 1 } }));
    const error = await refuse(none, { email: 'c' }, { conflictTarget: 'email' });
    expect(error.message).toMatch(/No unique index of Model\d+ can be a conflict target\.$/);
  });

  it('without a named target, an index that lacks the shard key is no candidate', async () => {
    const model = await compile(articles());
    const { created } = await model.saveOrUpsert({ tenant: 'a', slug: 'b', email: 'c' });
    expect(created).toBe(true);
    const { message } = await refuse(model, { _id: '5'.repeat(24), email: 'c' });
    expect(message).toContain(
      'Add the values of "tenant_1_slug_1" (tenant, slug), or use create().',
    );
    expect(message).toContain(
      '"email_1" (email) does not contain the whole shard key { tenant: 1 }',
    );
    expect(message).not.toContain('"slug_1"');
  });

  it('a schema of which no unique index contains it rejects each call', async () => {
    const model = await compile(articles({ shardKey: { title: 1 } }));
    const input = { tenant: 'a', slug: 'b', title: 'c' };
    for (const run of [() => model.saveOrUpsert(input), () => model.saveOrUpsertMany([input])]) {
      const { sent, error } = await watch(run);
      expect(sent).toEqual([]);
      expect(error?.message).toContain('has no unique index that identifies a document');
      expect(error?.message).toContain('does not contain the whole shard key { title: 1 }');
      expect(error?.message).not.toContain('_id');
    }
  });

  it.each<[string, object]>([
    ['no shard key', {}],
    ['the default, null', { shardKey: null }],
    ['what Mongoose does not read as one', { shardKey: 'tenant' }],
  ])('%s: any unique index can be the target', async (_, options) => {
    const model = await compile(articles(options));
    const { created } = await model.saveOrUpsert({ email: 'c' }, { conflictTarget: 'email' });
    expect(created).toBe(true);
  });
});

describe('the filter has the whole shard key as equality', () => {
  it.each<[string, object, string[], Doc, Doc]>([
    ['a simple one', { tenant: 1 }, ['tenant', 'slug'], { slug: 'b' }, { tenant: { $eq: 'a' } }],
    [
      'a compound one, hashed in part',
      { tenant: 1, slug: 'hashed' },
      ['tenant', 'slug'],
      { slug: 'b' },
      { tenant: { $eq: 'a' }, slug: { $eq: 'b' } },
    ],
    ['a hashed path', { email: 'hashed' }, ['email'], { email: 'c' }, { email: { $eq: 'c' } }],
    ['a hashed _id', { _id: 'hashed' }, ['_id'], { _id: 7 }, { _id: { $eq: 7 } }],
    [
      'a nested path',
      { 'place.country': 1 },
      ['place.country', 'slug'],
      { slug: 'b', place: { country: 'NO' } },
      { 'place.country': { $eq: 'NO' } },
    ],
  ])('%s', async (_, shardKey, conflictTarget, more, equality) => {
    const schema = articles({ shardKey }).add({ _id: Number } as never);
    schema.index({ 'place.country': 1, slug: 1 }, { unique: true });
    const model = await compile(schema);
    for (const onConflict of ['update', 'skip', 'replace', { $set: { title: 'x' } }] as const) {
      const input = { _id: 7, tenant: 'A', ...more };
      for (const run of [
        () => model.saveOrUpsert(input, { conflictTarget, onConflict }),
        () => model.saveOrUpsertMany([input], { conflictTarget, onConflict }),
      ]) {
        const { sent, error } = await watch(run);
        expect(error).toBeUndefined();
        const writes = sent.filter((one) => 'findAndModify' in one || 'update' in one);
        for (const write of writes) expect(filterOf(write)).toMatchObject(equality);
        const isCompared = sent.length > writes.length;
        expect(writes.length + Number(isCompared)).toBeGreaterThan(0);
        await model.collection.updateOne({}, { $set: { title: String(Math.random()) } });
      }
    }
    expect(await model.countDocuments()).toBe(1);
  });

  it('also where the document is outside of the partial index', async () => {
    const schema = new Schema(
      { tenant: String, slug: String, active: Boolean },
      { shardKey: { tenant: 1 } },
    ).index({ tenant: 1, slug: 1 }, { unique: true, partialFilterExpression: { active: true } });
    const model = await compile(schema);
    const input = { tenant: 'a', slug: 'b', active: false };
    for (const run of [() => model.saveOrUpsert(input), () => model.saveOrUpsertMany([input])]) {
      const { sent } = await watch(run);
      const [write] = sent.filter((one) => 'findAndModify' in one || 'update' in one);
      expect(filterOf(write as Doc)).toMatchObject({ tenant: { $eq: 'a' } });
    }
    expect(await model.countDocuments(input)).toBe(2);
  });

  it('a discriminator has the shard key of its base', async () => {
    const Base = await compile(articles());
    const Video = Base.discriminator(
      `Video${Base.modelName}`,
      new Schema({ length: Number }),
    ) as unknown as AnyModel;
    const error = await refuse(Video, { email: 'c' }, { conflictTarget: 'email' });
    expect(error.message).toContain('does not contain the whole shard key { tenant: 1 }');
  });
});

describe('an update never changes the shard key', () => {
  it('of an existing document, the paths of the shard key are not written', async () => {
    const model = await compile(articles());
    for (const onConflict of ['update', { only: ['tenant', 'title'] }, { except: ['slug'] }]) {
      const write = () =>
        model.saveOrUpsert({ tenant: 'A', slug: 'b', title: 'x' }, { onConflict } as never);
      await write();
      const { sent } = await watch(write);
      const update = (sent[0] as Doc)['update'] as Doc;
      expect(update['$set'] ?? {}).not.toHaveProperty('tenant');
      expect(update['$unset'] ?? {}).not.toHaveProperty('tenant');
    }
    expect(await model.find().lean()).toMatchObject([{ tenant: 'a', slug: 'b', title: 'x' }]);
  });

  it('"replace" leaves them as they are stored', async () => {
    const model = await compile(articles());
    await model.saveOrUpsert({ tenant: 'A', slug: 'b', title: 'x' });
    await model.saveOrUpsert({ tenant: 'a', slug: 'b' }, { onConflict: 'replace' });
    const [{ title, tenant }] = (await model.find().lean()) as [Doc];
    expect({ title, tenant }).toEqual({ tenant: 'a' });
  });

  it.each<[string, Doc]>([
    ['$set', { $set: { tenant: 'z' } }],
    ['$unset', { $unset: { tenant: 1 } }],
    ['$setOnInsert', { $setOnInsert: { tenant: 'z' } }],
    ['$rename from it', { $rename: { tenant: 'title' } }],
    ['$rename to it', { $rename: { title: 'tenant' } }],
  ])('onConflict with %s rejects before anything is sent', async (_, onConflict) => {
    const model = await compile(articles());
    for (const run of [
      () => model.saveOrUpsert({ tenant: 'a', slug: 'b' }, { onConflict } as never),
      () => sendMany(model, { tenant: 'a', slug: 'b' }, { onConflict }),
    ]) {
      const { sent, error } = await watch(run);
      expect(sent).toEqual([]);
      expect(error?.message).toMatch(/onConflict writes "tenant", which identifies the document/);
    }
  });

  it.each(['update', 'replace', { except: ['title'] }])(
    "pre('save') middleware that changes it for an existing document: %j",
    async (onConflict) => {
      const schema = articles();
      schema.pre('save', function () {
        if (!this.isNew) this.set('tenant', 'moved');
      });
      const model = await compile(schema);
      const { sent, error } = await watch(() =>
        model.saveOrUpsert({ tenant: 'a', slug: 'b' }, { onConflict } as never),
      );
      expect(sent).toEqual([]);
      expect(error).toBeInstanceOf(TypeError);
      expect(error?.message).toMatch(
        /^saveOrUpsert: pre\('save'\) middleware changes `tenant`, which is in the shard key { tenant: 1 } of Model\d+, from "a" to "moved" where the document exists; /,
      );
    },
  );

  it('middleware that changes it in both cases changes the document that is found', async () => {
    const schema = articles();
    schema.pre('save', function () {
      this.set('tenant', `${this.isNew ? 'of' : 'of'}-${String(this.get('slug'))}`);
    });
    const model = await compile(schema);
    for (const title of ['x', 'y']) {
      await model.saveOrUpsert({ tenant: 'a', slug: 'b', title });
    }
    expect(await model.find().lean()).toMatchObject([{ tenant: 'of-b', title: 'y' }]);
  });

  it.each<[string, Doc, unknown]>([
    ['$set', { $set: { tenant: 'z' } }, 'update'],
    ['$set, with operators', { $set: { tenant: 'z' } }, { $inc: { __v: 1 } }],
    ['$setOnInsert', { $setOnInsert: { tenant: 'z' } }, 'skip'],
    ['$unset', { $unset: { tenant: 1 } }, 'update'],
    ['$rename', { $rename: { title: 'tenant' } }, 'update'],
  ])('middleware of the query that writes it by %s rejects', async (_, update, onConflict) => {
    const schema = articles();
    schema.pre('findOneAndUpdate', function () {
      const own = this.getUpdate() as Doc;
      for (const [name, fields] of Object.entries(update))
        own[name] = { ...(own[name] as Doc), ...(fields as Doc) };
    });
    const model = await compile(schema);
    const { sent, error } = await watch(() =>
      model.saveOrUpsert({ tenant: 'a', slug: 'b' }, { onConflict } as never),
    );
    expect(sent).toEqual([]);
    expect(error).toBeInstanceOf(TypeError);
    expect(error?.message).toMatch(
      /pre\('findOneAndUpdate'\) middleware writes .* which is in the shard key { tenant: 1 } of Model/,
    );
  });

  it('middleware of the query may set the value that the key has, and any other path', async () => {
    const schema = articles();
    schema.pre('findOneAndUpdate', function () {
      this.set('tenant', 'a');
      this.set('title', 'by the query');
    });
    const model = await compile(schema);
    for (const onConflict of ['update', { $set: { email: 'c' } }]) {
      await model.saveOrUpsert({ tenant: 'a', slug: 'b' }, { onConflict } as never);
    }
    expect(await model.find().lean()).toMatchObject([{ tenant: 'a', title: 'by the query' }]);
  });

  it.each<[string, Doc]>([
    ['the same value', { tenant: 'a' }],
    ['operators', { tenant: { $exists: true } }],
  ])("middleware of the query keeps the filter's equality: %s", async (_, condition) => {
    const schema = articles();
    schema.pre('findOneAndUpdate', function () {
      this.where(condition);
    });
    const model = await compile(schema);
    const { sent, error } = await watch(() => model.saveOrUpsert({ tenant: 'a', slug: 'b' }));
    expect(error).toBeUndefined();
    expect(filterOf(sent[0] as Doc)).toMatchObject({ tenant: { $eq: 'a' } });
  });

  it('middleware of the query that asks for another shard key never sends that one', async () => {
    const schema = articles();
    schema.pre('findOneAndUpdate', function () {
      this.where({ tenant: 'z' });
    });
    const model = await compile(schema);
    // Mongoose 9 copies the condition into the update, which is refused.
    const { sent } = await watch(() => model.saveOrUpsert({ tenant: 'a', slug: 'b' }));
    for (const one of sent) expect(filterOf(one)).toMatchObject({ tenant: { $eq: 'a' } });
    expect(await model.countDocuments({ tenant: 'z' })).toBe(0);
  });
});
