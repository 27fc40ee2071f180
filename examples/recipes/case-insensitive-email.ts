/**
 * One account per e-mail address, however it is written, and the address stays as typed. saveOrUpsert
 * searches with the index's collation; your own queries have to name it.
 */
import { model, Schema } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';

/** Strength 2 compares letters without their case. */
const collation = { locale: 'en', strength: 2 };

const accountSchema = new Schema({ email: { type: String, required: true }, name: String });
accountSchema.index({ email: 1 }, { unique: true, collation });
accountSchema.plugin(uniqueGuard);
const Account = model('CaseInsensitiveAccount', accountSchema);

export async function run(): Promise<void> {
  await Account.init();
  await Account.create({ email: 'Alice@Example.org', name: 'Alice' });
  await Account.create({ email: 'alice@example.ORG' }).catch((error: unknown) => {
    if (isUniqueValidationError(error, Account)) console.log(error.errors.email?.value);
  }); // alice@example.ORG

  const { created, doc } = await Account.saveOrUpsert({ email: 'ALICE@example.org', name: 'Al' });
  console.log(created, doc.name); // false Al
  console.log(await Account.countDocuments({ email: 'alice@example.org' })); // 0
  const found = await Account.findOne({ email: 'alice@example.org' }).collation(collation);
  console.log(found?.name); // Al
}
