/** An array's elements, unique across documents. Inside one document the server does not check. */
import { model, Schema } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';

const teamSchema = new Schema({
  name: { type: String, required: true },
  // The index stores each key of a document once, so it cannot see a pair in one array: a validator
  // does, for a whole document. An update adds an element once with $addToSet.
  emails: {
    type: [{ type: String, unique: true }],
    validate: {
      validator: (emails: string[]) => new Set(emails).size === emails.length,
      message: 'An address appears twice',
    },
  },
});
teamSchema.plugin(uniqueGuard);
const Team = model('ElementTeam', teamSchema);

export async function run(): Promise<void> {
  await Team.init();
  await Team.create({ name: 'red', emails: ['a@x', 'b@x'] });
  const show = (error: unknown) => {
    if (isUniqueValidationError(error)) console.log(Object.keys(error.errors).join());
    else console.log(error instanceof Error && error.message);
  };
  await Team.create({ name: 'blue', emails: ['c@x', 'b@x'] }).catch(show); // emails.1
  await Team.create({ name: 'green', emails: ['d@x', 'd@x'] }).catch(show);
  // ElementTeam validation failed: emails: An address appears twice
  await Team.collection.insertOne({ name: 'unchecked', emails: ['e@x', 'e@x'] });
  console.log(await Team.countDocuments({ emails: 'e@x' })); // 1
}
