/** Creates a document or updates the one that is there; many callers at once make one document. */
import { model, Schema } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';

const contactSchema = new Schema({
  email: { type: String, required: true, unique: true },
  name: String,
  role: { type: String, default: 'guest' },
});
contactSchema.plugin(uniqueGuard);
const Contact = model('Contact', contactSchema);

export async function run(): Promise<void> {
  await Contact.init();
  const first = await Contact.saveOrUpsert({ email: 'alice@example.com', name: 'Alice' });
  console.log(first.created, first.doc.role); // true guest

  await first.doc.set({ role: 'admin' }).save();
  const second = await Contact.saveOrUpsert({ email: 'alice@example.com', name: 'Alicia' });
  console.log(second.created, second.doc.name, second.doc.role); // false Alicia admin

  const callers = Array.from({ length: 50 }, (_, n) =>
    Contact.saveOrUpsert({ email: 'bob@example.com', name: `Bob ${String(n)}` }),
  );
  const outcomes = await Promise.all(callers);
  console.log(outcomes.filter(({ created }) => created).length); // 1
  console.log(await Contact.countDocuments({ email: 'bob@example.com' })); // 1
}
