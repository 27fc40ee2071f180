/** A service whose types come from the schema: the input, the document and the paths of the error. */
import { model, Schema, type InferRawDocType } from 'mongoose';
import { isUniqueValidationError, uniqueGuard, type SaveInput } from 'mongoose-unique-guard';

const definition = {
  email: { type: String, required: true, unique: true },
  nickname: { type: String, unique: true },
} as const;
const memberSchema = new Schema(definition);
memberSchema.plugin(uniqueGuard);
const Member = model('Member', memberSchema);

type MemberInput = SaveInput<InferRawDocType<typeof definition>>;

async function join(input: MemberInput): Promise<string> {
  try {
    const { doc, created } = await Member.saveOrUpsert(input, { conflictTarget: 'email' });
    return `${created ? 'Welcome' : 'Welcome back'}, ${doc.nickname ?? doc.email}`;
  } catch (error) {
    if (!isUniqueValidationError(error, Member)) throw error;
    // The compiler knows the paths: error.errors.nickName would not compile.
    return error.errors.nickname?.message ?? error.message;
  }
}

export async function run(): Promise<void> {
  await Member.init();
  console.log(await join({ email: 'alice@example.com', nickname: 'Ally' })); // Welcome, Ally
  console.log(await join({ email: 'alice@example.com' })); // Welcome back, Ally
  console.log(await join({ email: 'bob@example.com', nickname: 'Ally' }));
  // Path `nickname` must be unique.
}
