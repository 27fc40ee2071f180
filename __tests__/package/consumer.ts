/**
 * The package as a user's code has it. consumer.test.ts compiles this file in other projects, as
 * CommonJS and as an ES module, and runs it. Every name of lib/index.ts is used here: a new one joins
 * the imports, and the code below.
 */
import mongoose from 'mongoose';
import {
  explainUniqueIndexError,
  formatAudit,
  isDuplicateKeyError,
  isUniqueValidationError,
  toProblemDetails,
  toValidationError,
  uniqueGuard,
} from 'mongoose-unique-guard';
import type {
  AnyModel,
  AnySchema,
  AuditedIndex,
  AuditOptions,
  Blocking,
  BlockingGroup,
  CheckUniqueOptions,
  ConflictTarget,
  HydratedDocumentOf,
  IndexDifference,
  IndexSpec,
  IndexStatus,
  LeanOption,
  LeftoverIndex,
  MessageContext,
  OnConflict,
  ProblemDetails,
  ProblemDetailsEntry,
  ProblemDetailsOptions,
  RawDocumentOf,
  ResultsOption,
  SavedDocumentOf,
  SaveInput,
  SaveOrUpsertManyEntry,
  SaveOrUpsertManyFailure,
  SaveOrUpsertManyOptions,
  SaveOrUpsertManyResult,
  SaveOrUpsertOptions,
  SaveOrUpsertResult,
  UniqueGuardNote,
  UniqueGuardOptions,
  UniqueIndexAudit,
  UniqueIndexOptions,
  UniqueMessage,
  UniqueValidationError,
  UniqueValidationErrorOf,
  UniqueValidatorError,
} from 'mongoose-unique-guard';

interface RawUser {
  email: string;
  name?: string;
  logins: number;
}

// The plugin, and the types of its options.
const target: ConflictTarget = ['email'];
const message: UniqueMessage = ({ path, value }: MessageContext) =>
  `${path} ${String(value)} taken`;
const ofIndex: UniqueIndexOptions = { message: 'The name is taken', path: 'name' };
const notes: UniqueGuardNote[] = [];
const options: UniqueGuardOptions = {
  message,
  indexes: { name_1: ofIndex },
  hideValues: [],
  onUnexplained: (_error, note) => notes.push(note),
  conflictTarget: target,
};
const userSchema = new mongoose.Schema<RawUser>({
  email: { type: String, required: true, unique: true },
  name: String,
  logins: { type: Number, default: 0 },
});
userSchema.plugin(uniqueGuard, options);
const onAnySchema: (schema: AnySchema) => void = uniqueGuard;
onAnySchema(new mongoose.Schema({ a: String }));
// @ts-expect-error -- an option that is misspelt
const misspelt: UniqueGuardOptions = { mesage: 'taken' };

const User = mongoose.model('User', userSchema);
type User = HydratedDocumentOf<typeof User>;
const anyModel: AnyModel = User;

/** What a catch block makes of an error. */
function describe(error: unknown): string {
  if (!isUniqueValidationError(error)) return `other: ${String(isDuplicateKeyError(error))}`;
  const { errors, code }: UniqueValidationError = error;
  const { kind, properties, message: text }: UniqueValidatorError = errors['email'] ?? neverNull();
  return `${String(code)} ${kind} ${String(properties.index)} ${text}`;
}
function neverNull(): never {
  throw new Error('there is no error on the e-mail address');
}

type IsAny<T> = 0 extends 1 & T ? true : false;
/** Whatever became `any` under this project's options would not be assignable. */
const isAny: [IsAny<User['logins']>, IsAny<RawDocumentOf<typeof User>>] = [false, false];

async function run(): Promise<unknown[]> {
  await mongoose.connect(process.env['TEST_MONGODB_URI'] ?? '');
  await User.init();
  const alice = { email: 'a', name: 'A' };
  await User.create(alice);
  const refused = await User.create(alice).catch(describe);
  const inserted = User.collection.insertOne({ email: 'a', logins: 0 });
  const byDriver = await inserted.catch((error: unknown) =>
    describe(toValidationError(error, anyModel)),
  );

  // What saveOrUpsert resolves to: hydrated, lean, and where the type tells neither.
  const input: SaveInput<RawUser> = { email: 'a', name: 'B' };
  const hydrated: SaveOrUpsertResult<User> = await User.saveOrUpsert(input);
  const isLean: LeanOption & true = true;
  const lean = await User.saveOrUpsert({ email: 'b' }, { lean: isLean });
  const plain: SavedDocumentOf<typeof User, true> = lean.doc;
  // @ts-expect-error -- a plain object has no methods
  const methodOfLean: unknown = lean.doc.save;
  const $inc: OnConflict = { $inc: { logins: 1 } };
  const either: SaveOrUpsertOptions = { onConflict: $inc, maxRetries: 2, lean: false };
  const counted = await User.saveOrUpsert({ email: 'a' }, either);
  // @ts-expect-error -- a path that the schema does not have, of a type that it is not
  const wrongInput = (): unknown => User.saveOrUpsert({ email: { first: 1 } });

  const manyOptions: SaveOrUpsertManyOptions = { onConflict: 'skip', batchSize: 2 };
  const many: SaveOrUpsertManyResult = await User.saveOrUpsertMany(
    [{ email: 'a' }, { email: 'c' }, { name: 'no e-mail' }],
    manyOptions,
  );
  const entries: SaveOrUpsertManyEntry[] = many.results;
  const onlyFailed: ResultsOption & 'failed' = 'failed';
  const { results: failures } = await User.saveOrUpsertMany([{ name: 'no e-mail' }], {
    results: onlyFailed,
  });
  const [failure]: SaveOrUpsertManyFailure[] = failures;
  await User.saveOrUpsert(
    { email: 'a' },
    { conflictTarget: ['email'], onConflict: { only: ['name'] } },
  );

  // See it coming.
  const asked: CheckUniqueOptions = { paths: 'email' };
  const taken: UniqueValidationError | null = await User.checkUnique({ email: 'a' }, asked);
  const methods = new User({ email: 'a' });
  const all = await User.create([alice], { uniqueGuard: { collectAll: true } }).catch(
    (error: unknown) => error,
  );
  const ofUser: UniqueValidationErrorOf<typeof User> | undefined = isUniqueValidationError(
    all,
    User,
  )
    ? all
    : undefined;
  const ofAnswer: ProblemDetailsOptions = { instance: '/users' };
  const problem: ProblemDetails | undefined = toProblemDetails(all, ofAnswer);
  const invalid: ProblemDetailsEntry | undefined = problem?.errors[0];
  const auditOptions: AuditOptions = { sample: 2, onProgress: () => undefined };
  const audit: UniqueIndexAudit = await User.auditUniqueIndexes(auditOptions);
  const audited: AuditedIndex | undefined = audit.indexes[0];
  const status: IndexStatus | undefined = audited?.status;
  const differences: IndexDifference[] | undefined = audited?.differences;
  const blocking: Blocking | undefined = audited?.blocking;
  const group: BlockingGroup | undefined = blocking?.groups[0];
  const undeclared: IndexSpec | undefined = audit.undeclared[0];
  const leftover: LeftoverIndex | undefined = audit.leftover[0];
  return [
    refused,
    byDriver,
    [hydrated.created, hydrated.doc.name, hydrated.doc instanceof User, hydrated.attempts],
    [lean.created, plain.email, typeof methodOfLean],
    [counted.created, counted.doc.logins],
    [many.created, many.skipped, many.failed, entries[2]?.error?.name, failure?.error.name],
    [taken?.errors['email']?.kind, await methods.checkUnique({}).then((one) => one?.code)],
    [ofUser?.errors.email?.kind, status, differences, group, undeclared, leftover === undefined],
    [
      formatAudit(audit).includes('email_1'),
      explainUniqueIndexError(ofUser, User)?.includes('email_1'),
    ],
    [problem?.status, problem?.instance, invalid?.pointer],
    [misspelt, isAny, notes.length, typeof User.saveOrUpsert, typeof wrongInput],
  ];
}

// A rejection ends the process with what went wrong.
void run()
  .then((results) => {
    console.log(JSON.stringify(results));
  })
  .finally(() => mongoose.disconnect());
