/** A field that may be missing, and is unique where it is set: a partial index on its type. */
import { model, Schema } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';

const contactSchema = new Schema({
  name: { type: String, required: true },
  // An empty input of a form means no number.
  phone: { type: String, set: (phone: string) => (phone === '' ? undefined : phone) },
});
// `unique` alone refuses the second document without the field. `sparse` accepts many without it, but
// only one with null; this accepts both.
contactSchema.index(
  { phone: 1 },
  { unique: true, partialFilterExpression: { phone: { $type: 'string' } } },
);
contactSchema.plugin(uniqueGuard);
const Contact = model('OptionalContact', contactSchema);

export async function run(): Promise<void> {
  await Contact.init();
  await Contact.create([{ name: 'A' }, { name: 'B', phone: null }, { name: 'C', phone: '' }]);
  await Contact.create([
    { name: 'D', phone: null },
    { name: 'E', phone: '123' },
  ]);
  console.log(await Contact.countDocuments()); // 5

  const error = await Contact.create({ name: 'F', phone: '123' }).catch((one: unknown) => one);
  console.log(isUniqueValidationError(error, Contact) && error.errors.phone?.value); // 123
}
