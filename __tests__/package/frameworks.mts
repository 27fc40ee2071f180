/**
 * What the compiler knows of a model in NestJS, in Typegoose and with a class of the user's.
 * frameworks.test.ts compiles this file in a project that has them installed; it never runs.
 */
import { Injectable } from '@nestjs/common';
import { InjectModel, Prop, Schema as NestSchema, SchemaFactory } from '@nestjs/mongoose';
import {
  getDiscriminatorModelForClass,
  getModelForClass,
  index,
  plugin,
  prop,
  type DocumentType,
  type ReturnModelType,
} from '@typegoose/typegoose';
import mongoose, { Schema, type HydratedDocument, type Model, type Types } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';

type IsAny<T> = 0 extends 1 & T ? true : false;
type IsSame<A, B> = [A, B, IsAny<A>] extends [B, A, IsAny<B>] ? true : false;
/** `is<string>()(value)` compiles where the value's type is exactly that. */
const is =
  <Expected,>() =>
  <Actual,>(actual: Actual, ...differs: IsSame<Actual, Expected> extends true ? [] : [never]) => [
    actual,
    differs,
  ];

/* Typegoose */

@index({ tenant: 1, slug: 1 }, { unique: true })
@plugin(uniqueGuard)
class Page {
  @prop({ type: String, required: true })
  public tenant!: string;

  @prop({ type: String, required: true })
  public slug!: string;

  @prop({ type: String })
  public title?: string;

  shout(): string {
    return this.slug.toUpperCase();
  }

  static async put(this: ReturnModelType<typeof Page>, tenant: string, slug: string) {
    const { doc } = await this.saveOrUpsert({ tenant, slug });
    is<DocumentType<Page>>()(doc);
    await doc.save();
    is<string>()(doc.shout());
    is<Types.ObjectId>()(doc._id);

    const lean = await this.saveOrUpsert({ tenant, slug }, { lean: true });
    is<string>()(lean.doc.slug);
    is<Types.ObjectId>()(lean.doc._id);
    // @ts-expect-error a plain object has no save()
    lean.doc.save();

    // @ts-expect-error no such path
    await this.saveOrUpsert({ tenatn: 'acme' });
    const { results } = await this.saveOrUpsertMany([{ tenant, slug }]);
    for (const one of results) if (!one.error) is<Types.ObjectId>()(one._id);
    return doc;
  }
}
const PageModel = getModelForClass(Page);

class Article extends Page {
  @prop({ type: String })
  public author?: string;
}
const ArticleModel = getDiscriminatorModelForClass(PageModel, Article);

export async function typegoose(error: unknown) {
  const { doc } = await PageModel.saveOrUpsert({ tenant: 'acme', slug: 'home' });
  is<DocumentType<Page>>()(doc);
  await doc.save();
  await (await PageModel.put('acme', 'home')).save();

  const input = { tenant: 'acme', slug: 'home', author: 'Alice' };
  const article = await ArticleModel.saveOrUpsert(input, { conflictTarget: ['tenant', 'slug'] });
  is<DocumentType<Article>>()(article.doc);

  if (isUniqueValidationError(error, PageModel)) {
    is<string | undefined>()(error.errors.slug?.message);
    // @ts-expect-error no such path
    is<string | undefined>()(error.errors.slgu?.message);
  }
}

/* NestJS */

@NestSchema()
class Cat {
  @Prop({ unique: true })
  name!: string;

  @Prop()
  age?: number;
}
type CatDocument = HydratedDocument<Cat>;
SchemaFactory.createForClass(Cat).plugin(uniqueGuard);

@Injectable()
export class Cats {
  constructor(
    @InjectModel(Cat.name) private readonly cats: Model<Cat>,
    @InjectModel(Cat.name) private readonly catDocuments: Model<CatDocument>,
  ) {}

  async put(name: string, error: unknown) {
    const { doc } = await this.cats.saveOrUpsert({ name, age: 1 });
    is<CatDocument>()(doc);
    await doc.save();

    const lean = await this.cats.saveOrUpsert({ name }, { lean: true });
    is<string>()(lean.doc.name);
    // @ts-expect-error a plain object has no save()
    lean.doc.save();

    if (isUniqueValidationError(error, this.cats)) {
      is<string | undefined>()(error.errors.name?.message);
    }
    const older = await this.catDocuments.saveOrUpsert({ name });
    await older.doc.save();
    is<string>()(older.doc.name);
  }
}

/* An interface of the user's for the model */

interface User {
  email: string;
  name?: string;
}
interface Methods {
  greet(): string;
}
interface UserModel extends Model<User, object, Methods> {
  byEmail(email: string): Promise<HydratedDocument<User, Methods> | null>;
}
const UserModel = mongoose.model<User, UserModel>(
  'User',
  new Schema<User, UserModel, Methods>({ email: String }),
);

export async function ownInterface(error: unknown, injected: UserModel) {
  const { doc } = await UserModel.saveOrUpsert({ email: 'a@x' });
  is<HydratedDocument<User, Methods>>()(doc);
  await doc.save();
  is<string>()(doc.greet());
  is<string>()((await injected.saveOrUpsert({ email: 'a@x' })).doc.greet());

  const lean = await UserModel.saveOrUpsert({ email: 'a@x' }, { lean: true });
  is<string>()(lean.doc.email);
  // @ts-expect-error a plain object has no methods
  lean.doc.greet();
  if (isUniqueValidationError(error, UserModel)) {
    is<string | undefined>()(error.errors.email?.message);
  }
}

/* A class by loadClass */

class Account {
  declare email: string;
  greet(): string {
    return this.email;
  }
  static async put(this: Model<Account> & typeof Account, email: string) {
    const { doc } = await this.saveOrUpsert({ email });
    is<HydratedDocument<Account>>()(doc);
    return doc.save();
  }
}
const accountSchema = new Schema<Account>({ email: { type: String, unique: true } });
accountSchema.loadClass(Account).plugin(uniqueGuard);
const AccountModel = mongoose.model<Account, Model<Account> & typeof Account>(
  'Account',
  accountSchema,
);

export async function loadedClass(error: unknown) {
  const { doc } = await AccountModel.saveOrUpsert({ email: 'a@x' });
  is<HydratedDocument<Account>>()(doc);
  is<string>()(doc.greet());
  await (await AccountModel.put('a@x')).save();
  const lean = await AccountModel.saveOrUpsert({ email: 'a@x' }, { lean: true });
  is<string>()(lean.doc.email);
  // @ts-expect-error a plain object has no save()
  lean.doc.save();
  if (isUniqueValidationError(error, AccountModel)) {
    is<string | undefined>()(error.errors.email?.message);
    // @ts-expect-error no such path
    is<string | undefined>()(error.errors.emial?.message);
  }
}

/* Inferred schemas */

const Inferred = mongoose.model(
  'Inferred',
  new Schema({ key: { type: String, required: true, unique: true }, count: Number }),
);
const Kind = Inferred.discriminator('Kind', new Schema({ color: String }));

export async function inferred(error: unknown) {
  const { doc } = await Inferred.saveOrUpsert({ key: 'a' });
  await doc.save();
  is<string>()(doc.key);
  const kind = await Kind.saveOrUpsert({ key: 'a', color: 'red' });
  await kind.doc.save();
  is<string | null | undefined>()(kind.doc.color);
  const lean = await Kind.saveOrUpsert({ key: 'a' }, { lean: true });
  is<string>()(lean.doc.key);
  // @ts-expect-error a plain object has no save()
  lean.doc.save();
  if (isUniqueValidationError(error, Kind)) is<string | undefined>()(error.errors.color?.message);
}
