/** Soft delete by mongoose-delete: a partial index on `deleted`, which that plugin sets by default. */
import { model, Schema } from 'mongoose';
// @ts-expect-error It has no types of its own, and those of others bring another Mongoose.
import mongooseDelete from 'mongoose-delete';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';

const memberSchema = new Schema({
  email: { type: String, required: true },
  name: String,
  deleted: { type: Boolean, default: false },
});
memberSchema.index({ email: 1 }, { unique: true, partialFilterExpression: { deleted: false } });
const options = { overrideMethods: true, deletedAt: true };
memberSchema.plugin(mongooseDelete as (schema: Schema, given: typeof options) => void, options);
memberSchema.plugin(uniqueGuard, { conflictTarget: 'email' });
const Member = model('DeletableMember', memberSchema);

export async function run(): Promise<void> {
  await Member.init();
  const email = 'alice@example.org';
  const first = await Member.create({ email, name: 'Alice' });
  const refused = await Member.create({ email }).catch((error: unknown) => error);
  console.log(isUniqueValidationError(refused)); // true

  const deletable = first as typeof first & Record<'delete' | 'restore', () => Promise<unknown>>;
  await deletable.delete();
  const { created, doc } = await Member.saveOrUpsert({ email, name: 'Alicia' });
  console.log(created, doc.name, await Member.countDocuments({ email })); // true Alicia 1
  const again = await Member.saveOrUpsert({ email, name: 'Al' });
  console.log(again.created, again.doc._id.equals(doc._id)); // false true

  const restored = await deletable.restore().catch((error: unknown) => error);
  console.log(isUniqueValidationError(restored)); // true
}
