/** `post('save')` middleware: after the write, on the document that was written. */
import { Schema } from 'mongoose';
import { isUniqueValidationError, type SaveOrUpsertOptions } from 'mongoose-unique-guard';
import { watchCommands } from '../support/commands';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase({ monitorCommands: true });
const compile = modelFactory(mongoose);
const email = { type: String, unique: true };

type Call = (model: AnyModel, input: Doc, options?: SaveOrUpsertOptions) => Promise<unknown>;
type Hooked = Doc & { isNew: boolean; $locals: Doc };

const one: Call = (model, input, options) => model.saveOrUpsert(input, options);
const many: Call = async (model, input, options = {}) => {
  const { lean, ...others } = options;
  expect([undefined, true]).toContain(lean);
  const { results } = await model.saveOrUpsertMany([input], others);
  if (results[0]?.error) throw results[0].error;
};

afterEach(() => {
  jest.restoreAllMocks();
});

describe.each([
  ['saveOrUpsert', one],
  ['saveOrUpsertMany', many],
])('%s', (_name, call) => {
  /** A model that notes what its middleware sees. */
  async function noting(): Promise<{ User: AnyModel; seen: Doc[] }> {
    const seen: Doc[] = [];
    const sub = new Schema({ city: String }, { _id: false }) as Schema;
    sub.post('save', function (this: Doc) {
      seen.push({ city: this['city'] });
    } as never);
    const schema = new Schema({ email, n: Number, role: { type: String, default: 'user' }, sub });
    schema.pre('save', function (this: Hooked) {
      this.$locals['wasNew'] = this.isNew;
    } as never);
    schema.post('save', function (this: Hooked, document: Doc) {
      const { isNew, $locals } = this;
      seen.push({ isNew, wasNew: $locals['wasNew'], n: this['n'], role: this['role'] });
      expect(document).toBe(this);
    } as never);
    return { User: await compile(schema as unknown as Schema), seen };
  }

  it.each<SaveOrUpsertOptions>([{}, { lean: true }])(
    'runs on the stored document, with the $locals of the run that matches: %j',
    async (options) => {
      const { User, seen } = await noting();
      await call(User, { email: 'a', n: 1 }, options);
      expect(seen).toEqual([{ isNew: false, wasNew: true, n: 1, role: 'user' }]);
      await User.collection.updateOne({}, { $set: { role: 'admin' } });
      seen.length = 0;
      for (const n of [2, 2]) await call(User, { email: 'a', n, sub: { city: 'X' } }, options);
      const existing = { isNew: false, wasNew: false, n: 2, role: 'admin' };
      expect(seen.filter((document) => 'n' in document)).toEqual([existing, existing]);
      expect(seen.filter((document) => 'city' in document)).toHaveLength(2);
    },
  );

  it.each<[SaveOrUpsertOptions, number, number]>([
    [{ onConflict: 'skip' }, 1, 0],
    [{ onConflict: 'replace' }, 1, 1],
    [{ onConflict: { only: ['n'] } }, 1, 1],
    [{ onConflict: { $inc: { n: 1 } } }, 1, 1],
    [{ middleware: { pre: false } }, 1, 1],
    [{ middleware: { post: false } }, 0, 0],
    [{ middleware: false }, 0, 0],
  ])(
    'runs where something is written, unless it is skipped: %j',
    async (options, created, written) => {
      const { User, seen } = await noting();
      await call(User, { email: 'a' }, options);
      expect(seen).toHaveLength(created);
      seen.length = 0;
      await call(User, { email: 'a', role: 'x' }, options);
      expect(seen).toHaveLength(written);
    },
  );

  it('rejects with what it throws, after the write', async () => {
    const schema = new Schema({ email });
    schema.post('save', () => {
      throw new Error('mail server down');
    });
    const User = await compile(schema);
    await expect(call(User, { email: 'a' })).rejects.toThrow('mail server down');
    expect(await User.countDocuments()).toBe(1);
  });

  it('a stored subdocument that is not written gets no $locals of the one that is given', async () => {
    const seen: Doc[] = [];
    const sub = new Schema({ city: String }) as Schema;
    sub.pre('save', function (this: Hooked) {
      this.$locals['given'] = this['city'];
    } as never);
    sub.post('save', function (this: Hooked) {
      seen.push({ city: this['city'], given: this.$locals['given'] });
    } as never);
    const User = await compile(new Schema({ email, n: Number, sub }));
    await call(User, { email: 'a', n: 1, sub: { city: 'Old' } });
    await call(User, { email: 'a', n: 2, sub: { city: 'New' } }, { onConflict: { only: ['n'] } });
    expect(seen).toEqual([{ city: 'Old', given: 'Old' }, { city: 'Old' }]);
  });

  /** A model whose error middleware notes each error and replaces it. */
  async function replacingErrors(): Promise<{ User: AnyModel; seen: unknown[] }> {
    const seen: unknown[] = [];
    const schema = new Schema({ email, name: { type: String, unique: true }, n: Number });
    schema.post('save', function (error: unknown, _: unknown, next: (error: unknown) => void) {
      seen.push(error);
      next(new Error('replaced', { cause: error }));
    } as never);
    const User = await compile(schema, { conflictTarget: 'email' });
    await User.create({ email: 'taken', name: 'taken' });
    return { User, seen };
  }

  const FAILING = [
    { email: 'a', name: 'taken' },
    { email: 'a', n: 'no number' },
  ];

  it('with `middleware: false`, no error middleware sees an error', async () => {
    const { User, seen } = await replacingErrors();
    for (const input of FAILING) {
      const error = await rejection(call(User, input, { middleware: false }));
      expect(error).toMatchObject({ name: 'ValidationError' });
    }
    expect(seen).toEqual([]);
  });

  it('error middleware sees what the call rejects with, and may replace it', async () => {
    const { User, seen } = await replacingErrors();
    for (const input of FAILING) {
      const error = (await rejection(call(User, input))) as Error;
      expect(error.message).toBe('replaced');
      expect(error.cause).toBe(seen.at(-1));
      expect(error.cause).toMatchObject({ name: 'ValidationError' });
    }
    expect(seen.map((error) => isUniqueValidationError(error))).toEqual([true, false]);
    const skipped = await rejection(
      call(User, { email: 'a', name: 'taken' }, { middleware: { post: false } }),
    );
    expect(isUniqueValidationError(skipped)).toBe(true);
    expect(seen).toHaveLength(2);
  });

  it('rejects before anything is sent where Mongoose does not let it run', async () => {
    const { User } = await noting();
    const { hooks } = (User.schema as unknown as { s: { hooks: Doc } }).s;
    Object.defineProperty(hooks, 'execPost', { value: undefined, configurable: true });
    await expect(call(User, { email: 'a' })).rejects.toThrow(/post\('save'\).*Nothing was sent/s);
    expect(await User.countDocuments()).toBe(0);
    Reflect.deleteProperty(hooks, 'execPost');
  });

  it('leaves the error alone where Mongoose does not let error middleware run', async () => {
    const User = await compile(new Schema({ email, n: Number }));
    const { hooks } = (User.schema as unknown as { s: { hooks: Doc } }).s;
    User.schema.pre('save', () => {
      // Mongoose 8 itself needs it before.
      Object.defineProperty(hooks, 'execPost', { value: undefined });
      throw new Error('refused');
    });
    await expect(call(User, { email: 'a' })).rejects.toThrow('refused');
  });

  it('has the session of the write', async () => {
    const sessions: unknown[] = [];
    const schema = new Schema({ email });
    schema.post('save', function (this: { $session(): unknown }) {
      sessions.push(this.$session());
    } as never);
    const User = await compile(schema);
    await mongoose.connection.transaction(async (session) => {
      await call(User, { email: 'a' }, { session, lean: true });
      expect(sessions).toEqual([session]);
    });
  });
});

it('saveOrUpsertMany loads the documents of a batch in one query, and none where no middleware runs', async () => {
  const schema = new Schema({ email });
  const ran: unknown[] = [];
  schema.post('save', function (this: Doc) {
    ran.push(this['email']);
  } as never);
  for (const [model, count] of [
    [await compile(new Schema({ email })), 0],
    [await compile(schema), 3],
  ] as const) {
    const commands = watchCommands(mongoose);
    await model.saveOrUpsertMany([{ email: 'a' }, { email: 'b' }, { email: 'c' }]);
    const names = commands.take().map((command) => Object.keys(command)[0]);
    expect(names).toEqual(['find', 'update', ...(count > 0 ? ['find'] : [])]);
    expect(ran).toHaveLength(count);
  }
});

it('saveOrUpsertMany runs none for a document that another client deleted at once', async () => {
  const schema = new Schema({ email });
  const ran: unknown[] = [];
  schema.post('save', () => void ran.push('ran'));
  const User = await compile(schema);
  const send = User.collection.bulkWrite.bind(User.collection);
  jest.spyOn(User.collection, 'bulkWrite').mockImplementationOnce((async (operations: never) => {
    const result = await send(operations);
    await User.collection.deleteMany({});
    return result;
  }) as never);
  expect(await User.saveOrUpsertMany([{ email: 'a' }])).toMatchObject({ created: 1 });
  expect(ran).toEqual([]);
});
