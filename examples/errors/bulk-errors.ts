/** An import with insertMany: what became of each row. */
import { model, Schema } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';

const subscriberSchema = new Schema({ email: { type: String, required: true, unique: true } });
subscriberSchema.plugin(uniqueGuard);
const Subscriber = model('Subscriber', subscriberSchema);

export async function run(): Promise<void> {
  await Subscriber.init();
  await Subscriber.create({ email: 'alice@example.com' });
  const rows = [{ email: 'bob@example.com' }, { email: 'alice@example.com' }, {}];
  try {
    await Subscriber.insertMany(rows, { ordered: false });
  } catch (error) {
    if (!isUniqueValidationError(error)) throw error;
    for (const row of error.validationErrors ?? []) console.log(row.index, row.message);
    // 1 Subscriber validation failed: email: Path `email` must be unique.
    const outcomes = error.results?.map((row) =>
      row instanceof Subscriber ? 'stored' : 'refused',
    );
    console.log(outcomes?.join()); // stored,refused,refused
  }
}
