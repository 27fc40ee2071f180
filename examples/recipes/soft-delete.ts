/**
 * A deleted document gives its key back: the partial index holds the others only. To restore one while
 * its key is in use is a duplicate.
 */
import { model, Schema } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';

const memberSchema = new Schema({
  email: { type: String, required: true },
  name: String,
  deletedAt: { type: Date, default: null },
});
memberSchema.index({ email: 1 }, { unique: true, partialFilterExpression: { deletedAt: null } });
memberSchema.plugin(uniqueGuard, { conflictTarget: 'email' });
const Member = model('SoftDeletedMember', memberSchema);

export async function run(): Promise<void> {
  await Member.init();
  const email = 'alice@example.org';
  const first = await Member.create({ email, name: 'Alice' });
  const refused = await Member.create({ email }).catch((error: unknown) => error);
  console.log(isUniqueValidationError(refused)); // true

  await first.set({ deletedAt: new Date() }).save();
  const { created } = await Member.saveOrUpsert({ email, name: 'Alicia' });
  console.log(created, await Member.countDocuments({ email })); // true 2

  const restored = await first
    .set({ deletedAt: null })
    .save()
    .catch((error: unknown) => error);
  console.log(isUniqueValidationError(restored)); // true
}
