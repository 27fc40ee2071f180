/** A duplicate rejects with Mongoose's own ValidationError, with an error on the field. */
import { model, Schema } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';

const userSchema = new Schema({
  email: { type: String, required: true, unique: true, lowercase: true },
});
userSchema.plugin(uniqueGuard);
const User = model('User', userSchema);

export async function run(): Promise<void> {
  await User.init();
  await User.create({ email: 'alice@example.com' });
  try {
    await User.create({ email: 'Alice@Example.com' });
  } catch (error) {
    if (!isUniqueValidationError(error)) throw error;
    const { email } = error.errors;
    console.log(email?.kind, email?.value); // unique alice@example.com
    console.log(email?.message); // Path `email` must be unique.
    console.log(error.code); // 11000
  }
}
