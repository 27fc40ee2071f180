/**
 * What a user's code may say, and what it may not; compiled by types.test.ts on both majors, never run.
 * An expected error that is none fails as well.
 */
import mongoose, {
  Schema,
  type HydratedDocument,
  type InferSchemaType,
  type Model,
  type Types,
} from 'mongoose';
import {
  explainUniqueIndexError,
  formatAudit,
  isUniqueValidationError,
  uniqueGuard,
  type ConflictTarget,
  type SaveOrUpsertOptions,
  type UniqueGuardOptions,
} from 'mongoose-unique-guard';

type IsAny<T> = 0 extends 1 & T ? true : false;
type IsSame<A, B> = [A, B, IsAny<A>] extends [B, A, IsAny<B>] ? true : false;
/** `is<string>()(value)` compiles where the value's type is exactly that. */
const is =
  <Expected>() =>
  <Actual>(actual: Actual, ...differs: IsSame<Actual, Expected> extends true ? [] : [never]) => [
    actual,
    differs,
  ];

// @ts-expect-error types are told apart
is<number>()('a');
// @ts-expect-error a part of a union is not the union
is<string | number>()('a' as string);
// @ts-expect-error and any is told from all else
is<string>()(JSON.parse(''));

const userSchema = new Schema(
  {
    email: { type: String, required: true, unique: true },
    name: String,
    born: Date,
    friend: { type: Schema.Types.ObjectId, ref: 'User' },
    tags: [String],
    items: [{ sku: { type: String, required: true }, count: Number }],
    address: { city: String, geo: { lat: Number } },
    home: new Schema({ street: String }),
    scores: { type: Map, of: Number },
    balance: Schema.Types.Decimal128,
    meta: {},
  },
  {
    virtuals: {
      label: {
        get(): string {
          return 'label';
        },
      },
    },
    methods: {
      greet(): string {
        return 'hello';
      },
    },
    statics: {
      byEmail(email: string) {
        return this.findOne({ email });
      },
    },
  },
);
userSchema.plugin(uniqueGuard, { message: ({ path }) => path, conflictTarget: 'email' });
const User = mongoose.model('User', userSchema);

export async function inferredSchema() {
  const { doc, created, attempts } = await User.saveOrUpsert({ email: 'a@x' });
  is<boolean>()(created);
  is<number>()(attempts);

  is<string>()(doc.email);
  is<string>()(doc.label);
  is<string>()(doc.greet());
  is<Types.ObjectId>()(doc._id);
  await doc.save();
  // The model's own statics are still there.
  await User.byEmail('a@x');

  await User.saveOrUpsert({
    email: 'a@x',
    name: null,
    born: '2001-01-01',
    friend: '64b000000000000000000001',
    tags: ['a'],
    items: [{ sku: 'a', count: 1 }],
    address: { geo: { lat: 1 } },
    home: { street: 'x' },
    scores: { a: 1 },
    balance: '1.50',
    meta: { anything: true },
  });
  // @ts-expect-error a number is no text
  await User.saveOrUpsert({ email: 5 });
  // @ts-expect-error no such path
  await User.saveOrUpsert({ email: 'a@x', nmae: 'A' });
  // @ts-expect-error no such path in the elements of an array
  await User.saveOrUpsert({ email: 'a@x', items: [{ skuu: 'a' }] });
  // @ts-expect-error a wrong type in an element
  await User.saveOrUpsert({ email: 'a@x', items: [{ sku: true }] });
  // @ts-expect-error no such path in a nested object
  await User.saveOrUpsert({ email: 'a@x', address: { town: 'x' } });
}

export async function options() {
  const input = { email: 'a@x' };
  await User.saveOrUpsert(input, { conflictTarget: 'email' });
  await User.saveOrUpsert(input, { conflictTarget: ['email', 'address.city'] });
  await User.saveOrUpsert(input, { conflictTarget: 'an_index_name' });
  await User.saveOrUpsert(input, { onConflict: 'skip', maxRetries: 3, session: null });
  await User.saveOrUpsert(input, { onConflict: { only: ['name', 'address.city'] } });
  await User.saveOrUpsert(input, { onConflict: { except: ['name'] } });
  await User.saveOrUpsert(input, {
    onConflict: { $inc: { 'scores.web': 1 }, $set: { name: 'A' } },
  });
  // @ts-expect-error no such strategy
  await User.saveOrUpsert(input, { onConflict: 'ignore' });
  // @ts-expect-error no such path
  await User.saveOrUpsert(input, { onConflict: { only: ['nmae'] } });
  // @ts-expect-error no such path
  await User.saveOrUpsert(input, { onConflict: { $set: { nmae: 1 } } });
  // @ts-expect-error no such operator
  await User.saveOrUpsert(input, { onConflict: { $increment: { name: 1 } } });
  // @ts-expect-error no such option
  await User.saveOrUpsert(input, { upsert: true });
  // @ts-expect-error a list of paths, not an object
  await User.saveOrUpsert(input, { conflictTarget: { email: 1 } });
  const shared: SaveOrUpsertOptions = { lean: true, conflictTarget: 'email' };
  const { doc } = await User.saveOrUpsert(input, shared);
  is<string>()(doc.email);
  const target: ConflictTarget = ['email'];
  // @ts-expect-error the name of an option is wrong
  const wrong: UniqueGuardOptions = { conflictTargets: target };
  return wrong;
}

export async function lean() {
  const { doc } = await User.saveOrUpsert({ email: 'a@x' }, { lean: true });
  is<string>()(doc.email);
  // @ts-expect-error a plain object has no methods
  doc.save();
  // @ts-expect-error nor virtuals
  is<string>()(doc.label);
  const withAll = await User.saveOrUpsert({ email: 'a@x' }, { lean: { virtuals: true } });
  is<string>()(withAll.doc.label);
  // @ts-expect-error but no methods
  withAll.doc.greet();
  const withSome = await User.saveOrUpsert({ email: 'a@x' }, { lean: { virtuals: ['label'] } });
  is<string | undefined>()(withSome.doc.label);
  const not = await User.saveOrUpsert({ email: 'a@x' }, { lean: false });
  is<string>()(not.doc.greet());
  const maybe = await User.saveOrUpsert({ email: 'a@x' }, { lean: JSON.parse('true') as boolean });
  is<string>()(maybe.doc.email);
  // @ts-expect-error either of them may have come
  maybe.doc.greet();
  // @ts-expect-error no such option
  await User.saveOrUpsert({ email: 'a@x' }, { lean: { getters: true } });
}

export async function many() {
  const { results, created } = await User.saveOrUpsertMany([{ email: 'a@x' }], {
    ordered: true,
    batchSize: 10,
    onProgress: ({ done, total }) => done + (total ?? 0),
  });
  is<number>()(created);
  for (const entry of results) {
    if (entry.error) is<Error>()(entry.error);
    else is<Types.ObjectId>()(entry._id);
  }
  async function* rows() {
    yield await Promise.resolve({ email: 'a@x' });
  }
  await User.saveOrUpsertMany(rows());
  const { results: failures } = await User.saveOrUpsertMany(rows(), { results: 'failed' });
  for (const { error } of failures) is<Error>()(error);
  // @ts-expect-error neither of the two
  await User.saveOrUpsertMany(rows(), { results: 'none' });
  // @ts-expect-error a wrong type
  await User.saveOrUpsertMany([{ email: 5 }]);
  // @ts-expect-error one input is not many
  await User.saveOrUpsertMany({ email: 'a@x' });
  // @ts-expect-error there are no documents to be lean
  await User.saveOrUpsertMany([{ email: 'a@x' }], { lean: true });
}

interface Page {
  slug: string;
  title?: string;
}
interface PageMethods {
  publish(): boolean;
}
type PageModel = Model<Page, object, PageMethods>;
const pageSchema = new Schema<Page, PageModel, PageMethods>({
  slug: { type: String, unique: true },
  title: String,
});
pageSchema.plugin(uniqueGuard);

export async function explicitInterfaces() {
  const Page = mongoose.model<Page, PageModel>('Page', pageSchema);
  const { doc } = await Page.saveOrUpsert({ slug: 'a' });
  is<string>()(doc.slug);
  is<boolean>()(doc.publish());
  // @ts-expect-error no such path
  await Page.saveOrUpsert({ slug: 'a', tilte: 'x' });
  const onConnection = mongoose.createConnection().model<Page, PageModel>('Page', pageSchema);
  await onConnection.saveOrUpsert({ slug: 'a' }, { conflictTarget: 'slug' });
  const Plain = mongoose.model<Page>('Plain', new Schema<Page>({ slug: String }));
  const plain: HydratedDocument<Page> = (await Plain.saveOrUpsert({ slug: 'a' })).doc;
  return plain;
}

export async function loadedClass() {
  class Account {
    declare email: string;
    greet(): string {
      return this.email;
    }
    static findAll() {
      return [];
    }
    static async put(this: Model<Account> & typeof Account, email: string) {
      const { doc } = await this.saveOrUpsert({ email });
      is<HydratedDocument<Account>>()(doc);
      return doc.save();
    }
  }
  const schema = new Schema<Account>({ email: { type: String, unique: true } });
  schema.loadClass(Account);
  schema.plugin(uniqueGuard);
  const AccountModel = mongoose.model<Account, Model<Account> & typeof Account>('Account', schema);
  AccountModel.findAll();
  const { doc } = await AccountModel.saveOrUpsert({ email: 'a@x' });
  is<string>()(doc.greet());
  is<HydratedDocument<Account>>()(doc);
  await doc.save();
  await AccountModel.put('a@x');
  const lean = await AccountModel.saveOrUpsert({ email: 'a@x' }, { lean: true });
  is<string>()(lean.doc.email);
  // @ts-expect-error a plain object has no save()
  lean.doc.save();
}

export function guardOfClass(error: unknown, model: Model<Page> & (new () => Page)) {
  if (!isUniqueValidationError(error, model)) return undefined;
  is<string | undefined>()(error.errors.slug?.message);
  // @ts-expect-error no such path
  return error.errors.slgu;
}

export async function discriminators() {
  const Base = mongoose.model('Event', new Schema({ key: { type: String, unique: true } }));
  const Click = Base.discriminator('Click', new Schema({ x: Number }));
  const { doc } = await Click.saveOrUpsert({ key: 'a', x: 1 });
  is<number | null | undefined>()(doc.x);
  // @ts-expect-error no such path
  await Click.saveOrUpsert({ key: 'a', y: 1 });
}

/** Where the document type is a parameter, the input is the caller's to check. */
export async function generic<Raw extends { email: string }>(model: Model<Raw>, email: string) {
  const { created } = await model.saveOrUpsert({ email } as never, { conflictTarget: 'email' });
  return created;
}

export function guard(error: unknown) {
  if (isUniqueValidationError(error)) {
    is<11000>()(error.code);
    return error.errors['email']?.properties.index;
  }
  return undefined;
}

export function guardOfModel(error: unknown) {
  if (!isUniqueValidationError(error, User)) return undefined;
  is<string | undefined>()(error.errors.email?.message);
  is<11000>()(error.code);
  // @ts-expect-error no such path
  return error.errors.nmae;
}

export async function seeItComing(id: Types.ObjectId) {
  const taken = await User.checkUnique({ email: 'a@x' }, { paths: 'email', exclude: id });
  is<string | undefined>()(taken?.errors['email']?.message);
  // @ts-expect-error no such path
  await User.checkUnique({ nmae: 'a' });
  // @ts-expect-error no such option
  await User.checkUnique({ email: 'a@x' }, { excluded: id });
  const user = new User({ email: 'a@x' });
  is<string | undefined>()((await user.checkUnique())?.message);
  await user.save({ uniqueGuard: { collectAll: true } });
  await User.create([{ email: 'a@x' }], { uniqueGuard: { collectAll: true } });
  await User.findOneAndUpdate({}, { name: 'A' }, { uniqueGuard: { collectAll: false } });
  // @ts-expect-error no such option
  await user.save({ uniqueGuard: { collect: true } });
}

export async function audit(error: unknown) {
  const report = await User.auditUniqueIndexes({ sample: 3 });
  is<boolean>()(report.ok);
  is<string>()(formatAudit(report));
  is<string | undefined>()(explainUniqueIndexError(error, User));
  // @ts-expect-error the sample is a number
  await User.auditUniqueIndexes({ sample: 'all' });
}

export type UserInput = InferSchemaType<typeof userSchema>;
