import { Schema, Types, type mongo } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { watchCommands } from '../support/commands';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase({ monitorCommands: true });
const compile = modelFactory(mongoose);
const raw = (model: AnyModel) => model.collection.find().sort({ email: 1 }).toArray();

const userSchema = () =>
  new Schema(
    {
      email: { type: String, unique: true, lowercase: true, required: true },
      username: { type: String, unique: true, sparse: true },
      name: String,
      role: { type: String, default: 'user' },
      logins: { type: Number, default: 0, min: 0 },
    },
    { timestamps: true },
  );

let User: AnyModel;
beforeAll(async () => {
  User = await compile(userSchema(), { conflictTarget: 'email' });
});
beforeEach(() => User.deleteMany());
afterEach(() => {
  jest.restoreAllMocks();
});

describe('saveOrUpsertMany', () => {
  it('tells each input what became of it, in order, and stops at none', async () => {
    const [there, taken] = await User.create([
      { email: 'there@x', name: 'Old', role: 'admin' },
      { email: 'taken@x', username: 'taken' },
    ]);
    const outcome = await User.saveOrUpsertMany([
      { email: 'New@x', name: 'New' },
      { email: 'there@x', name: 'Changed' },
      { email: 'bad@x', logins: -1 },
      { email: 'other@x', username: 'taken' },
      { name: 'no e-mail' },
      'no object' as never,
      { email: { $gt: '' } },
      { email: 'last@x' },
    ]);
    expect(outcome).toMatchObject({ created: 2, updated: 1, skipped: 0, failed: 5 });
    const created = await raw(User).then((all) => all.find(({ email }) => email === 'new@x'));
    expect(outcome.results).toEqual([
      { index: 0, created: true, changed: true, _id: created?._id },
      { index: 1, created: false, changed: true, _id: there?._id },
      { index: 2, error: expect.objectContaining({ name: 'ValidationError' }) as object },
      { index: 3, error: expect.objectContaining({ name: 'ValidationError' }) as object },
      { index: 4, error: expect.objectContaining({ name: 'ValidationError' }) as object },
      { index: 5, error: expect.any(TypeError) as object },
      { index: 6, error: expect.objectContaining({ name: 'ValidationError' }) as object },
      { index: 7, created: true, changed: true, _id: expect.any(Types.ObjectId) as object },
    ]);
    const error = outcome.results[3]?.error;
    expect(isUniqueValidationError(error) && error.errors).toMatchObject({
      username: { kind: 'unique', value: 'taken', properties: { index: 'username_1' } },
    });
    expect(await raw(User)).toMatchObject([
      { email: 'last@x', role: 'user', logins: 0, __v: 0 },
      { email: 'new@x', name: 'New', createdAt: expect.any(Date) as Date },
      { email: 'taken@x', _id: taken?._id },
      { email: 'there@x', name: 'Changed', role: 'admin' },
    ]);
  });

  it.each<[object, object, object[]]>([
    [
      { onConflict: 'skip' },
      { created: 1, skipped: 1, updated: 0 },
      [{ name: 'New' }, { name: 'Old', role: 'admin', logins: 3 }],
    ],
    [
      { onConflict: 'replace' },
      { created: 1, skipped: 0, updated: 1 },
      [{ name: 'New' }, { name: 'Newer', role: 'user', logins: 0 }],
    ],
    [
      { onConflict: { only: ['role'] } },
      { created: 1, updated: 0, unchanged: 1 },
      [{ name: 'New' }, { name: 'Old', role: 'admin' }],
    ],
    [
      { onConflict: { except: ['name'] } },
      { created: 1, updated: 0, unchanged: 1 },
      [{ name: 'New' }, { name: 'Old' }],
    ],
    [
      { onConflict: { $inc: { logins: '1' } } },
      { created: 1, updated: 1 },
      [
        { name: 'New', logins: 1 },
        { name: 'Old', logins: 4 },
      ],
    ],
  ])('has the same strategies: %j', async (options, counts, expected) => {
    await User.create({ email: 'there@x', name: 'Old', role: 'admin', logins: 3 });
    const inputs = [
      { email: 'new@x', name: 'New' },
      { email: 'there@x', name: 'Newer' },
    ];
    expect(await User.saveOrUpsertMany(inputs, options)).toMatchObject({ ...counts, failed: 0 });
    expect(await raw(User)).toMatchObject(expected);
  });

  it('accepts partial inputs for documents that are there', async () => {
    const Person = await compile(
      new Schema({
        email: { type: String, unique: true },
        name: { type: String, required: true },
        n: Number,
      }),
    );
    const { _id } = await Person.create({ email: 'there', name: 'T' });
    for (const ordered of [false, true]) {
      const outcome = await Person.saveOrUpsertMany(
        [
          { email: 'full', name: 'F', n: 1 },
          { email: 'there', n: 2 },
          { email: 'full', n: 3 },
          { email: 'missing', n: 4 },
          { email: 'full', name: 'G' },
        ],
        { validateModifiedOnly: true, ordered },
      );
      expect(outcome.results[1]).toMatchObject({ index: 1, created: false, _id });
      expect(outcome.results[3]).toMatchObject({
        error: { errors: { name: { kind: 'required' } } },
      });
      expect(outcome).toMatchObject({ failed: 1 });
      expect(outcome.results).toHaveLength(ordered ? 4 : 5);
    }
    expect(await raw(Person)).toMatchObject([
      { email: 'full', name: 'F', n: 3 },
      { email: 'there', n: 2 },
    ]);
  });

  it('takes the same key twice as two calls in order', async () => {
    const inputs = Array.from({ length: 30 }, (_, n) => ({
      email: `${String(n % 3)}@x`,
      name: String(n),
    }));
    const outcome = await User.saveOrUpsertMany(inputs);
    expect(outcome).toMatchObject({ created: 3, updated: 27, failed: 0 });
    expect(outcome.results.map(({ index }) => index)).toEqual(inputs.map((_, n) => n));
    expect(await raw(User)).toMatchObject([{ name: '27' }, { name: '28' }, { name: '29' }]);
    const first = await User.saveOrUpsertMany(
      ['one', 'two'].map((name) => ({ email: 'skip@x', name })),
      { onConflict: 'skip' },
    );
    expect(first).toMatchObject({ created: 1, skipped: 1 });
    expect((await raw(User)).at(-1)).toMatchObject({ name: 'one' });
    expect(new Set(first.results.map((row) => String('_id' in row && row._id))).size).toBe(1);
  });

  it('ends an ordered call at the first that fails, and all before it is written', async () => {
    await User.create({ email: 'taken@x', username: 'taken' });
    for (const bad of [
      { email: 'b@x', username: 'taken' },
      { email: 'b@x', logins: -1 },
    ]) {
      const inputs = [{ email: 'a@x' }, bad, { email: 'c@x' }];
      const outcome = await User.saveOrUpsertMany(inputs, { ordered: true });
      expect(outcome.failed).toBe(1);
      expect(outcome.results).toHaveLength(2);
      expect(outcome.results[1]).toMatchObject({ index: 1, error: { name: 'ValidationError' } });
      expect((await raw(User)).map(({ email }) => email as string)).toEqual(['a@x', 'taken@x']);
    }
  });

  it('ends an ordered call where the server refuses a row before one that is invalid', async () => {
    await User.create({ email: 'taken@x', username: 'taken' });
    const inputs = [
      { email: 'a@x', username: 'taken' },
      { email: 'b@x', logins: -1 },
    ];
    const outcome = await User.saveOrUpsertMany(inputs, { ordered: true });
    expect(outcome).toMatchObject({
      failed: 1,
      results: [{ index: 0, error: { errors: { username: { kind: 'unique' } } } }],
    });
    expect(outcome.results).toHaveLength(1);
  });

  it('finds documents by a collation for a partial input, too', async () => {
    const schema = new Schema({
      name: String,
      n: Number,
      needed: { type: String, required: true },
    });
    schema.index({ name: 1 }, { unique: true, collation: { locale: 'en', strength: 2 } });
    const Person = await compile(schema);
    const { _id } = await Person.create({ name: 'Alice', needed: 'x' });
    const inputs = [{ name: 'ALICE', n: 1 }];
    expect(await Person.saveOrUpsertMany(inputs, { validateModifiedOnly: true })).toMatchObject({
      updated: 1,
      results: [{ created: false, _id }],
    });
    expect(await Person.collection.findOne()).toMatchObject({ name: 'ALICE', n: 1, needed: 'x' });
  });

  it('finds documents by a collation, and by values of another type', async () => {
    const schema = new Schema({ name: String, n: Number, code: {} });
    schema.index({ name: 1 }, { unique: true, collation: { locale: 'en', strength: 1 } });
    schema.index({ code: 1 }, { unique: true, sparse: true });
    const Person = await compile(schema);
    const [alice, bob] = await Person.create([{ name: 'Alice', code: 5 }, { name: 'Bob' }]);
    const outcome = await Person.saveOrUpsertMany(
      [
        { name: 'ALICE', n: 1 },
        { name: 'bòb', n: 2 },
        { name: 'älice', n: 3 },
        { name: 'Carol', n: 4 },
      ],
      { conflictTarget: 'name' },
    );
    expect(outcome.results).toMatchObject([
      { created: false, _id: alice?._id },
      { created: false, _id: bob?._id },
      { created: false, _id: alice?._id },
      { created: true },
    ]);
    const long = { code: Types.Decimal128.fromString('5.0'), n: 6 };
    expect(await Person.saveOrUpsertMany([long], { conflictTarget: 'code' })).toMatchObject({
      results: [{ created: false, _id: alice?._id }],
    });
  });

  it('finds a document whose _id is an object, and returns that', async () => {
    const Person = await compile(
      new Schema({ _id: { a: Number, b: Number }, n: Number }) as Schema,
    );
    const _id = { a: 1, b: 2 };
    await Person.collection.insertOne({ _id, n: 1 } as never);
    const inputs = [
      { _id, n: 2 },
      { _id: { a: 1, b: 3 }, n: 3 },
    ];
    const { results } = await Person.saveOrUpsertMany(inputs, { conflictTarget: '_id' });
    expect(results).toEqual([
      { index: 0, created: false, changed: true, _id },
      { index: 1, created: true, changed: true, _id: { a: 1, b: 3 } },
    ]);
  });

  it('writes to a document that has an array of keys where the schema has one', async () => {
    const { insertedId } = await User.collection.insertOne({ email: ['a@x', 'b@x'] });
    const { results } = await User.saveOrUpsertMany([
      { email: 'a@x', name: 'A' },
      { email: 'c@x', name: 'C' },
    ]);
    expect(results).toMatchObject([{ created: false, _id: insertedId }, { created: true }]);
    expect(await raw(User)).toMatchObject([{ email: 'a@x', name: 'A' }, { email: 'c@x' }]);
  });

  it("finds documents by the schema's own collation, where the collection has none", async () => {
    const collation = { locale: 'en', strength: 2 };
    const schema = new Schema(
      { email: { type: String, unique: true }, n: Number },
      // The collection is made by the first write.
      { collation, autoCreate: false },
    );
    schema.plugin(uniqueGuard);
    const Person = mongoose.model('CollatedBySchema', schema) as unknown as AnyModel;
    const { insertedId } = await Person.collection.insertOne({ email: 'a@x' });
    await Person.ensureIndexes();
    const outcome = await Person.saveOrUpsertMany([{ email: 'A@X', n: 1 }]);
    expect(outcome.results).toEqual([{ index: 0, created: false, changed: true, _id: insertedId }]);
    await expect(Person.create({ email: 'a@X' })).rejects.toMatchObject({
      errors: { email: { value: 'a@X' } },
    });
  });

  it('writes to the kinds of a discriminator and outside of a partial index', async () => {
    const schema = new Schema({ key: String, main: Boolean, n: Number });
    schema.index({ key: 1 }, { unique: true, partialFilterExpression: { main: true } });
    const Event = await compile(schema);
    const click = new Schema({ x: Number });
    click.pre('save', function (this: Doc) {
      this['x'] = (this['x'] as number) * 2;
    });
    Event.discriminator('ManyClick', click as unknown as Schema);
    const outcome = await Event.saveOrUpsertMany([
      { __t: 'ManyClick', key: 'a', main: true, x: 1 },
      { key: 'a', main: false },
      { key: 'a', main: false },
      { __t: 'ManyClick', key: 'a', main: true, x: 2 },
    ] as never);
    expect(outcome).toMatchObject({ created: 3, updated: 1 });
    expect(await Event.collection.find({ main: true }).toArray()).toMatchObject([{ x: 4 }]);
  });

  it("runs pre('save') middleware on each input, on the insert and on the update", async () => {
    const schema = new Schema({
      email: { type: String, unique: true },
      password: String,
      role: String,
    });
    schema.pre('save', async function (this: Doc & { isModified(path: string): boolean }) {
      await Promise.resolve();
      if (this['email'] === 'boom') throw new Error('boom');
      if (this['isNew']) this['role'] = 'new';
      if (this.isModified('password')) this['password'] = `hashed ${String(this['password'])}`;
    });
    const Person = await compile(schema as unknown as Schema);
    await Person.collection.insertOne({ email: 'b', password: 'old', role: 'old' });
    const inputs = ['a', 'boom', 'b'].map((email) => ({ email, password: email }));
    const outcome = await Person.saveOrUpsertMany(inputs);
    expect(outcome.results[1]).toMatchObject({ error: { message: 'boom' } });
    expect(await raw(Person)).toMatchObject([
      { email: 'a', password: 'hashed a', role: 'new' },
      { email: 'b', password: 'hashed b', role: 'old' },
    ]);
  });

  it('takes one query that compares, and one bulkWrite for what is new or changed', async () => {
    const commands = watchCommands(mongoose);
    const inputs = Array.from({ length: 1000 }, (_, n) => ({ email: `${String(n)}@x` }));
    expect(await User.saveOrUpsertMany([])).toEqual({
      results: [],
      created: 0,
      updated: 0,
      unchanged: 0,
      skipped: 0,
      failed: 0,
    });
    await User.saveOrUpsertMany(inputs);
    expect(await User.saveOrUpsertMany(inputs)).toMatchObject({ updated: 0, unchanged: 1000 });
    await User.saveOrUpsertMany(inputs.map((one) => ({ ...one, name: 'New' })));
    const names = commands.take().map((command) => Object.keys(command)[0]);
    expect(names.filter((name) => name !== 'getMore')).toEqual([
      'find',
      'update',
      'find',
      'find',
      'update',
    ]);
  });
});

it.each(['saveOrUpsert', 'saveOrUpsertMany', 'saveOrUpsertMany of partial inputs'])(
  "%s: takes the schema's write concern, and none in a transaction",
  async (name) => {
    const schema = userSchema().set('writeConcern', { w: 1, j: true, wtimeout: 5000 });
    // A row that may lack a path is sent in another way.
    if (name.includes('partial')) schema.add({ needed: { type: String, required: true } });
    const model = await compile(schema, { conflictTarget: 'email' });
    await model.collection.insertOne({ email: 'a@x' });
    const commands = watchCommands(mongoose);
    let logins = 0;
    const run = async (session: never): Promise<unknown> => {
      const input = { email: 'a@x', logins: (logins += 1) };
      if (name === 'saveOrUpsert') return model.saveOrUpsert(input, { session });
      const validateModifiedOnly = name.includes('partial');
      return model.saveOrUpsertMany([input], { session, validateModifiedOnly });
    };
    await run(undefined as never);
    await mongoose.connection.transaction((session) => run(session as never));
    const writes = commands.take().filter((one) => 'update' in one || 'findAndModify' in one);
    const sent = writes.map((one) => one['writeConcern'] as unknown);
    expect(sent).toEqual([{ w: 1, j: true, wtimeout: 5000 }, undefined]);
  },
);

it('an update of operators is not written uncast where Mongoose casts in another way', async () => {
  const query = User.findOneAndUpdate.bind(User) as () => object;
  jest
    .spyOn(User, 'findOneAndUpdate')
    .mockImplementationOnce(((...args: []) =>
      Object.assign(query(...args), { _castUpdate: undefined })) as never);
  const inputs = [{ email: 'a@x' }, { email: 'b@x' }];
  const outcome = await User.saveOrUpsertMany(inputs, { onConflict: { $inc: { logins: '1' } } });
  const error = {
    message: expect.stringContaining('the update cannot be cast. Nothing was sent.') as string,
  };
  expect(outcome).toMatchObject({ failed: 2, results: [{ error }, { error }] });
  expect(await raw(User)).toEqual([]);
});

describe('many inputs', () => {
  async function* rows(count: number) {
    for (let n = 0; n < count; n += 1) {
      if (n % 100 === 0) await Promise.resolve();
      yield { email: `${String(n)}@x`, name: 'N' };
    }
  }

  it('may be an iterable or an async iterable, told of in batches', async () => {
    const progress: object[] = [];
    const onProgress = (one: object) => progress.push(one);
    const options = { batchSize: 40, onProgress };
    expect(await User.saveOrUpsertMany(rows(100), options)).toMatchObject({ created: 100 });
    expect(await User.saveOrUpsertMany(new Set([{ email: '0@x' }]), options)).toMatchObject({
      unchanged: 1,
    });
    await User.saveOrUpsertMany([{ email: '0@x' }, { email: '1@x' }], { ...options, batchSize: 1 });
    expect(progress).toEqual([
      { done: 40 },
      { done: 80 },
      { done: 100 },
      { done: 1 },
      { done: 1, total: 2 },
      { done: 2, total: 2 },
    ]);
  });

  it('are read no further than one batch ahead of the batch that is sent', async () => {
    let read = 0;
    let ahead = 0;
    let done = 0;
    async function* counted() {
      for await (const row of rows(300)) {
        read += 1;
        ahead = Math.max(ahead, read - done);
        yield row;
      }
    }
    await User.saveOrUpsertMany(counted(), {
      batchSize: 50,
      onProgress: (progress) => {
        ({ done } = progress);
      },
    });
    expect(ahead).toBe(100);
  });

  describe('while a batch is sent', () => {
    /** The order in which batches of one input are prepared and sent. */
    async function orderOf(options: object, hook?: (this: object) => void): Promise<string[]> {
      const order: string[] = [];
      const schema = new Schema({ email: { type: String, unique: true } });
      if (hook) schema.pre('save', hook);
      const Model = await compile(schema);
      const { collection } = Model;
      const send = collection.bulkWrite.bind(collection);
      jest.spyOn(collection, 'bulkWrite').mockImplementation(async (...args) => {
        order.push('send');
        const result = await send(...args);
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push('sent');
        return result;
      });
      function* inputs() {
        for (const email of ['a@x', 'b@x', 'c@x']) {
          order.push('read');
          yield { email };
        }
      }
      await Model.saveOrUpsertMany(inputs(), { batchSize: 1, ...options });
      return order;
    }
    const none = () => undefined;
    const inTurn = ['read', 'send', 'sent', 'read', 'send', 'sent', 'read', 'send', 'sent'];
    const ahead = ['read', 'read', 'send', 'sent', 'read', 'send', 'sent', 'send', 'sent'];

    it.each<[string, object, (() => void)?]>([
      ['without middleware', {}],
      ['without middleware, in order', { ordered: true }],
      ['with middleware', {}, none],
    ])('the next one is prepared: %s', async (...[, options, hook]) => {
      expect(await orderOf(options, hook)).toEqual(ahead);
    });

    it('the next one is not prepared where its middleware may ask what the last one wrote', async () => {
      expect(await orderOf({ ordered: true }, none)).toEqual(inTurn);
      await mongoose.connection.transaction(async (session) => {
        expect(await orderOf({ session }, none)).toEqual(inTurn);
      });
    });

    describe('the next one is compared with what is stored', () => {
      const email = { type: String, unique: true };
      const plain = () => new Schema({ email, name: { ...email, sparse: true } });
      const withHook = (when: 'pre' | 'post') => {
        const schema = plain();
        if (when === 'pre') schema.pre('save', none);
        else schema.post('save', none);
        return schema;
      };
      const collated = () => {
        const schema = new Schema({ email: String });
        schema.index({ email: 1 }, { unique: true, collation: { locale: 'en', strength: 2 } });
        return schema;
      };
      const others = [{ email: 'a@x' }, { email: 'b@x' }, { email: 'c@x' }];

      /** True if the query for a batch of one input is sent before the one before it is written. */
      async function isAhead(schema: Schema, inputs: object[], options: object): Promise<boolean> {
        const queries: boolean[] = [];
        let isSent = false;
        const Model = await compile(schema);
        const { collection } = Model;
        const find = collection.find.bind(collection) as (...args: unknown[]) => never;
        jest.spyOn(collection, 'find').mockImplementation((...args: unknown[]) => {
          queries.push(isSent);
          return find(...args);
        });
        const send = collection.bulkWrite.bind(collection);
        jest.spyOn(collection, 'bulkWrite').mockImplementation(async (...args) => {
          isSent = true;
          const result = await send(...args);
          await new Promise((resolve) => setTimeout(resolve, 20));
          isSent = false;
          return result;
        });
        const result = await Model.saveOrUpsertMany(inputs, { batchSize: 1, ...options });
        expect(result.failed).toBe(0);
        const [first, ...next] = queries;
        expect([first, next.length >= inputs.length - 1]).toEqual([false, true]);
        return next.some(Boolean);
      }

      it.each<[string, () => Schema, object]>([
        ['without middleware', plain, {}],
        ['without middleware, in order', plain, { ordered: true }],
        ["with pre('save')", () => withHook('pre'), {}],
        ['under a collation', collated, {}],
      ])('%s', async (...[, schema, options]) => {
        expect(await isAhead(schema(), others, options)).toBe(true);
      });

      it.each<[string, () => Schema, object[], object]>([
        ['a key is in both', plain, [{ email: 'a@x' }, { email: 'a@x' }], {}],
        [
          'the collation takes two keys for one',
          collated,
          [{ email: 'a@x' }, { email: 'A@x' }],
          {},
        ],
        ['the conflict targets differ', plain, [{ email: 'a@x' }, { name: 'n' }], {}],
        ["pre('save') runs in order", () => withHook('pre'), others, { ordered: true }],
        ["post('save') may write", () => withHook('post'), others, {}],
      ])('not before the last one is sent where %s', async (...[, schema, inputs, options]) => {
        expect(await isAhead(schema(), inputs, options)).toBe(false);
      });

      it('not before the last one is sent in a session', async () => {
        await mongoose.connection.transaction(async (session) => {
          expect(await isAhead(plain(), others, { session })).toBe(false);
        });
      });

      it('and an error of that query rejects in its turn', async () => {
        const { collection } = User;
        const find = collection.find.bind(collection) as (...args: unknown[]) => never;
        const lost = new Error('connection lost');
        jest
          .spyOn(collection, 'find')
          .mockImplementationOnce(find)
          .mockImplementationOnce(() => {
            throw lost;
          });
        const error = await rejection(User.saveOrUpsertMany(others, { batchSize: 1 }));
        expect(error).toBe(lost);
        expect(error).toMatchObject({ partialResult: { created: 1, failed: 0 } });
        expect(await User.countDocuments()).toBe(1);
      });
    });

    it('what is stored comes in one answer', async () => {
      const inputs = Array.from({ length: 300 }, (_, n) => ({
        email: `${String(n)}@x`,
        name: 'N',
      }));
      await User.saveOrUpsertMany(inputs);
      const commands = watchCommands(mongoose);
      expect(await User.saveOrUpsertMany(inputs)).toMatchObject({ unchanged: 300 });
      expect(commands.take().map((command) => Object.keys(command)[0])).toEqual(['find']);
    });

    it('a source of inputs is closed if the call ends early, and a slow one does not hold it up', async () => {
      const closed: string[] = [];
      async function* inputs(name: string, wait: Promise<void>) {
        try {
          yield { email: null };
          await wait;
          yield { email: 'b@x' };
        } finally {
          closed.push(name);
        }
      }
      const options = { batchSize: 1, ordered: true };
      const quick = await User.saveOrUpsertMany(inputs('quick', Promise.resolve()), options);
      expect([quick, closed]).toMatchObject([{ failed: 1, created: 0 }, ['quick']]);
      let end = () => undefined as unknown;
      const slow = new Promise<void>((resolve) => (end = resolve));
      expect(await User.saveOrUpsertMany(inputs('slow', slow), options)).toMatchObject({
        failed: 1,
      });
      expect(closed).toEqual(['quick']);
      end();
      await new Promise(setImmediate);
      expect(closed).toEqual(['quick', 'slow']);
    });

    it('an error of the source of inputs rejects after it, and counts what it wrote', async () => {
      async function* inputs() {
        yield { email: 'a@x' };
        await Promise.reject(new Error('file ended'));
      }
      const call = User.saveOrUpsertMany(inputs(), { batchSize: 1 });
      const expected = { message: 'file ended', partialResult: { created: 1 } };
      expect(await rejection(call)).toMatchObject(expected);
    });
  });

  it('that end in an error leave what became of those before on it', async () => {
    async function* broken() {
      yield* rows(5);
      await Promise.reject(new Error('file ended'));
    }
    const error = await rejection(User.saveOrUpsertMany(broken(), { batchSize: 2 }));
    expect(error).toMatchObject({ message: 'file ended', partialResult: { created: 4 } });
    expect(Object.keys(error as object)).not.toContain('partialResult');
    expect(await User.countDocuments()).toBe(4);
    function* odd() {
      yield { email: '0@x' };
      // No library should, but some do.
      // eslint-disable-next-line @typescript-eslint/only-throw-error
      throw 'a text';
    }
    expect(await rejection(User.saveOrUpsertMany(odd(), { batchSize: 1 }))).toBe('a text');
    const stop = new Error('enough');
    const stopped = User.saveOrUpsertMany(rows(5), {
      batchSize: 3,
      onProgress: () => {
        throw stop;
      },
    });
    expect(await rejection(stopped)).toBe(stop);
    expect(stop).toMatchObject({ partialResult: { unchanged: 3 } });
  });
});

describe('keys that only the collation considers equal', () => {
  const RULES: [string, mongo.CollationOptions, string, string][] = [
    ['case', { locale: 'en', strength: 2 }, 'a@x', 'A@X'],
    ['accents', { locale: 'en', strength: 1 }, 'resume', 'Résumé'],
    ['digits as numbers', { locale: 'en', numericOrdering: true }, 'v1', 'v01'],
    ['letters that are two', { locale: 'da', strength: 1, caseFirst: 'off' }, 'å', 'aa'],
    ['a phone book', { locale: 'de@collation=phonebook', strength: 1 }, 'ä', 'ae'],
    ['ligatures', { locale: 'en', strength: 1 }, 'ß', 'ss'],
    ['wide letters', { locale: 'en', strength: 1 }, 'a', 'Ａ'],
    ['a region', { locale: 'fr_CA', strength: 1, backwards: false }, 'cote', 'côté'],
    ['punctuation', { locale: 'en', strength: 1, alternate: 'shifted' }, 'a-b', 'ab'],
    ['line breaks', { locale: 'en', strength: 1, alternate: 'shifted' }, 'a\nb', 'ab'],
    ['characters without a weight', { locale: 'en', strength: 1 }, 'a\u0000b', 'ab'],
    ['composed letters', { locale: 'vi', strength: 3 }, 'e\u0301', '\u00e9'],
  ];

  it.each(RULES)('are written in order: %s', async (_, collation, one, other) => {
    const schema = new Schema({ code: String, n: Number });
    schema.index({ code: 1 }, { unique: true, collation });
    const Part = await compile(schema);
    await Part.create({ code: one, n: 1 });
    expect(await Part.collection.findOne({ code: other }, { collation })).toMatchObject({ n: 1 });
    const inputs = [
      { code: one, n: 2 },
      { code: other, n: 1 },
    ];
    for (const batchSize of [2, 1]) {
      const { results } = await Part.saveOrUpsertMany(inputs, { batchSize });
      expect(results).toMatchObject([{ changed: true }, { changed: true }]);
      expect(await Part.collection.findOne()).toMatchObject({ n: 1 });
    }
  });

  it.each([
    ['of the locale "simple"', { locale: 'simple' }],
    ['of a locale that Node does not know', { locale: 'wae' }],
  ])('also under a collation %s', async (_, collation) => {
    const schema = new Schema({ code: String, n: Number });
    schema.index({ code: 1 }, { unique: true, collation });
    const Part = await compile(schema);
    const inputs = [
      { code: 'a', n: 2 },
      { code: 'b', n: 1 },
    ];
    expect(await Part.saveOrUpsertMany(inputs)).toMatchObject({ created: 2 });
  });
});

describe('a batch that fails as a whole', () => {
  it("rejects with the driver's own error, and what was written before is on it", async () => {
    const lost = Object.assign(new Error('connection lost'), { name: 'MongoNetworkError' });
    const { collection } = User;
    const send = collection.bulkWrite.bind(collection);
    jest
      .spyOn(collection, 'bulkWrite')
      .mockImplementationOnce(send)
      .mockRejectedValueOnce(lost as never);
    const inputs = [{ email: 'a@x' }, { email: 'b@x' }, { email: 'c@x' }];
    const error = await rejection(User.saveOrUpsertMany(inputs, { batchSize: 1 }));
    expect(error).toBe(lost);
    expect(error).toMatchObject({ partialResult: { created: 1, results: [{ index: 0 }] } });
  });

  describe('where a partial input is sent alone', () => {
    const {
      MongoNetworkError,
      MongoNetworkTimeoutError,
      MongoServerError,
      MongoWriteConcernError,
    } = mongoose.mongo;
    const { MongoServerSelectionError } = mongoose.mongo;
    const partial = { validateModifiedOnly: true, conflictTarget: 'username' };
    const inputs = ['a', 'b'].map((username) => ({ username, name: 'New' }));
    beforeEach(() =>
      User.create(inputs.map(({ username }) => ({ username, email: `${username}@x` }))),
    );

    it.each<[string, Error]>([
      ['a lost connection', new MongoNetworkError('lost')],
      ['a connection that is silent', new MongoNetworkTimeoutError('silent')],
      ['no server', new MongoServerSelectionError('none', {} as never)],
      [
        'a write concern that is not met',
        new MongoWriteConcernError({
          ok: 1,
          writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' },
        }),
      ],
      [
        'a label',
        new MongoServerError({ message: 'stepped down', errorLabels: ['RetryableWriteError'] }),
      ],
    ])("%s rejects the call with the driver's own error", async (_, lost) => {
      const send = jest.spyOn(User.collection, 'findOneAndUpdate');
      send.mockRejectedValueOnce(lost as never);
      expect(await rejection(User.saveOrUpsertMany(inputs, partial))).toBe(lost);
    });

    it('leaves no write under way when it rejects', async () => {
      const { collection } = User;
      const send = collection.findOneAndUpdate.bind(collection);
      let underWay = 0;
      const slowly = async (...args: unknown[]) => {
        underWay += 1;
        await new Promise((resolve) => setTimeout(resolve, 50));
        return (send as (...all: unknown[]) => Promise<unknown>)(...args).finally(() => {
          underWay -= 1;
        });
      };
      jest
        .spyOn(collection, 'findOneAndUpdate')
        .mockImplementation(slowly as never)
        .mockRejectedValueOnce(new MongoNetworkError('lost') as never);
      await expect(User.saveOrUpsertMany(inputs, partial)).rejects.toThrow('lost');
      expect(underWay).toBe(0);
    });

    it("an error of the server about a row is that row's", async () => {
      const refused = new MongoServerError({ message: 'no', code: 121 });
      jest.spyOn(User.collection, 'findOneAndUpdate').mockRejectedValueOnce(refused as never);
      const outcome = await User.saveOrUpsertMany(inputs, partial);
      expect(outcome).toMatchObject({ updated: 1, failed: 1 });
      expect(outcome.results[0]).toEqual({ index: 0, error: refused });
    });
  });

  it.each<[object, object]>([
    ['update', { updated: 0, results: [] }],
    ['skip', { skipped: 1, results: [{ created: false }] }],
  ] as never)('reports what it wrote where a query fails: %s', async (onConflict, written) => {
    await User.create({ email: 'a@x' });
    const lost = new Error('connection lost');
    jest.spyOn(User.collection, 'find').mockImplementationOnce(() => {
      throw lost;
    });
    const options = { onConflict: onConflict as never };
    const error = await rejection(User.saveOrUpsertMany([{ email: 'a@x', name: 'A' }], options));
    expect(error).toBe(lost);
    expect(error).toMatchObject({ partialResult: written });
  });

  it('a row that the server refuses for another reason has the error of a single call', async () => {
    await mongoose.connection.createCollection('strict_rows', {
      validator: { logins: { $lt: 100 } },
    });
    const Strict = mongoose.model('StrictRow', userSchema().plugin(uniqueGuard), 'strict_rows');
    await Strict.init();
    await Strict.createIndexes();
    const inputs = [
      { email: 'a@x', logins: 100 },
      { email: 'b@x', logins: 1 },
    ];
    const outcome = await Strict.saveOrUpsertMany(inputs);
    expect(outcome).toMatchObject({ created: 1, failed: 1 });
    const single = await rejection(Strict.saveOrUpsert(inputs[0] as never));
    expect(outcome.results[0]).toMatchObject({
      error: { name: 'MongoServerError', code: 121, errmsg: 'Document failed validation' },
    });
    expect(single).toMatchObject({ name: 'MongoServerError', code: 121 });
  });
});

describe('a race inside a batch', () => {
  /** The rows at these places lose the race, once each time. */
  function lose(model: AnyModel, ...rounds: number[][]) {
    const { collection, db } = model;
    const send = collection.bulkWrite.bind(collection);
    const sent: string[][] = [];
    jest.spyOn(collection, 'bulkWrite').mockImplementation((async (
      operations: Doc[],
      options: { ordered: boolean },
    ) => {
      const names = operations.map((one) => {
        const { update } = (one as { updateOne: { update: unknown } }).updateOne;
        // A row with the key of one before it is compared by the server.
        const [{ $set }] = [update].flat() as [
          { $set: { name: string; uniqueGuardInserted?: { $literal: { name: string } } } },
        ];
        return $set.uniqueGuardInserted?.$literal.name ?? $set.name;
      });
      sent.push(names);
      const losers = rounds.shift() ?? [];
      const end = options.ordered && losers.length > 0 ? Math.min(...losers) : operations.length;
      const kept = operations.filter((_, place) => place < end && !losers.includes(place));
      const result =
        kept.length > 0 ? await send(kept as never, options as never) : { upsertedIds: {} };
      if (losers.length === 0) return result;
      const places = operations.flatMap((_, place) =>
        place < end && !losers.includes(place) ? [place] : [],
      );
      const upsertedIds = Object.fromEntries(
        Object.entries(result.upsertedIds).map(([place, one]) => [
          places[Number(place)],
          one as unknown,
        ]),
      );
      throw Object.assign(new Error('E11000'), {
        name: 'MongoBulkWriteError',
        code: 11000,
        result: { upsertedIds },
        writeErrors: losers.slice(0, options.ordered ? 1 : undefined).map((index) => ({
          index,
          code: 11000,
          errmsg: `E11000 duplicate key error collection: ${db.name}.${collection.name} index: email_1 dup key: { email: "x" }`,
        })),
      });
    }) as never);
    return sent;
  }
  const inputs = () => ['a', 'b', 'c', 'd'].map((name) => ({ email: `${name}@x`, name }));

  it('is run again for those rows alone', async () => {
    const sent = lose(User, [1, 3], [0]);
    const outcome = await User.saveOrUpsertMany(inputs());
    expect(outcome).toMatchObject({ created: 4, failed: 0 });
    expect(outcome.results.every(({ index }, place) => index === place)).toBe(true);
    expect(sent).toEqual([['a', 'b', 'c', 'd'], ['b', 'd'], ['b']]);
    expect((await raw(User)).map(({ name }) => name as string)).toEqual(['a', 'b', 'c', 'd']);
  });

  it('is given up after maxRetries, and the error says how often it was tried', async () => {
    const sent = lose(User, [1], [0], [0], [0]);
    const outcome = await User.saveOrUpsertMany(inputs(), { maxRetries: 2 });
    expect(outcome).toMatchObject({ created: 3, failed: 1 });
    expect(outcome.results[1]).toMatchObject({
      error: { name: 'ValidationError', attempts: 3, errors: { email: { kind: 'unique' } } },
    });
    expect(sent).toHaveLength(3);
  });

  it('does not change the order of two rows with one key', async () => {
    const twice = [...inputs(), ...inputs().map((row) => ({ ...row, name: `${row.name}2` }))];
    const sent = lose(User, [0], [0, 2], [0]);
    const outcome = await User.saveOrUpsertMany(twice);
    expect(outcome).toMatchObject({ created: 4, updated: 4, failed: 0 });
    expect(sent).toEqual([
      ['a', 'b', 'c', 'd'],
      ['a', 'b2', 'c2', 'd2'],
      ['a', 'c2'],
      ['a'],
      ['a2'],
    ]);
    expect((await raw(User)).map(({ name }) => name as string)).toEqual(['a2', 'b2', 'c2', 'd2']);
  });

  it('is run again from that row on where the call is ordered', async () => {
    const sent = lose(User, [2]);
    expect(await User.saveOrUpsertMany(inputs(), { ordered: true })).toMatchObject({ created: 4 });
    expect(sent).toEqual([
      ['a', 'b', 'c', 'd'],
      ['c', 'd'],
    ]);
  });

  it('in earnest: 20 callers with the same 50 keys, outside of what the server settles', async () => {
    const schema = new Schema({ email: String, on: { type: Boolean, default: true }, n: Number });
    schema.index({ email: 1 }, { unique: true, partialFilterExpression: { on: true } });
    const Thing = await compile(schema);
    const all = await Promise.all(
      Array.from({ length: 20 }, (_, n) =>
        Thing.saveOrUpsertMany(
          Array.from({ length: 50 }, (_unused, key) => ({ email: String(key), n })),
          { maxRetries: 50 },
        ),
      ),
    );
    expect(await Thing.countDocuments()).toBe(50);
    expect(all.reduce((sum, { created }) => sum + created, 0)).toBe(50);
    expect(all.reduce((sum, { failed }) => sum + failed, 0)).toBe(0);
  });
});

describe('bad calls', () => {
  it.each<[unknown, object | undefined, RegExp]>([
    [undefined, undefined, /the inputs are undefined; they must be an array/],
    [{ email: 'a' }, undefined, /the inputs are \{"email":"a"\}.*call saveOrUpsert/],
    ['text', undefined, /the inputs are "text"/],
    [[], { batchSize: 0 }, /batchSize is 0; it must be a whole number from 1 to 100000/],
    [[], { ordered: 'yes' }, /ordered is "yes"/],
    [[], { onProgress: 1 }, /onProgress is 1; it must be a function/],
    [[], { lean: true }, /options has no "lean"; allowed are/],
    [[], { conflictTarget: 'name' }, /"name" is no unique index/],
    [[], { onConflict: { only: ['nmae'] } }, /the path "nmae"/],
  ])('%j, %j: a TypeError before anything is read or sent', async (inputs, options, message) => {
    const error = await rejection(User.saveOrUpsertMany(inputs as never, options as never));
    expect(error).toBeInstanceOf(TypeError);
    expect((error as Error).message).toMatch(message);
  });

  it('on a model without a unique index is refused as a whole, whatever the inputs are', async () => {
    const Log = await compile(new Schema({ text: String }));
    await expect(Log.saveOrUpsertMany([{ text: 'a' }, { text: 'b' }])).rejects.toThrow(
      /has no unique index that identifies a document.*pass conflictTarget: "_id"/,
    );
  });
});
