/** Checks before a write, and reports every conflicting field of a write that was refused. */
import { model, Schema } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';

const playerSchema = new Schema({
  email: { type: String, unique: true },
  username: { type: String, unique: true },
});
playerSchema.plugin(uniqueGuard, { collectAll: true });
const Player = model('Player', playerSchema);

/** While a user types: one field of the form. */
async function findMessage(username: string): Promise<string | undefined> {
  const conflict = await Player.checkUnique({ username }, { paths: 'username' });
  return conflict?.errors['username']?.message;
}

/** On a write the index decides; with `collectAll` the error has every conflicting field. */
async function findConflictingFields(input: { email: string; username: string }) {
  const error = await Player.create(input).catch((reason: unknown) => reason);
  return isUniqueValidationError(error) ? Object.keys(error.errors).sort() : [];
}

export async function run(): Promise<void> {
  await Player.init();
  const input = { email: 'alice@example.com', username: 'alice' };
  const alice = await Player.create(input);
  console.log(await findMessage('alice')); // Path `username` must be unique.
  console.log(await findMessage('bob')); // undefined
  console.log(await Player.checkUnique(input, { exclude: alice })); // null
  console.log((await findConflictingFields(input)).join()); // email,username
}
