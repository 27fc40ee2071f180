/** A unique index that could not be built: find the duplicates, merge them, build the index. */
import { model, Schema } from 'mongoose';
import { explainUniqueIndexError, uniqueGuard } from 'mongoose-unique-guard';

const visitorSchema = new Schema(
  { email: { type: String, unique: true }, visits: Number },
  { autoIndex: false },
);
visitorSchema.plugin(uniqueGuard);
const Visitor = model('Visitor', visitorSchema);

/** The oldest document of each key stays, and takes over the visits of the others. */
async function mergeDuplicates(): Promise<void> {
  for (const { blocking } of (await Visitor.auditUniqueIndexes({ sample: 1000 })).indexes) {
    for (const { ids } of blocking?.groups ?? []) {
      const [keep, ...others] = await Visitor.find({ _id: { $in: ids } }).sort('_id');
      const visits = others.reduce((sum, one) => sum + (one.visits ?? 0), keep?.visits ?? 0);
      await Visitor.updateOne({ _id: keep?._id }, { visits });
      await Visitor.deleteMany({ _id: { $in: others.map(({ _id }) => _id) } });
    }
  }
}

export async function run(): Promise<void> {
  const emails = ['eve@example.com', 'frank@example.com', 'eve@example.com'];
  await Visitor.insertMany(emails.map((email) => ({ email, visits: 2 })));
  const failure = await Visitor.createIndexes().catch((error: unknown) => error);
  console.log(explainUniqueIndexError(failure, Visitor)?.split(':')[0]);
  // The unique index email_1 of Visitor could not be built

  await mergeDuplicates();
  await Visitor.createIndexes();
  console.log((await Visitor.auditUniqueIndexes()).ok); // true
  console.log((await Visitor.findOne({ email: 'eve@example.com' }))?.visits); // 4
}
