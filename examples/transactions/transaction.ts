/** A duplicate ends a transaction: let the error out of the callback, and nothing of it is kept. */
import { connection, model, Schema } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';

const teamSchema = new Schema({ name: { type: String, unique: true } });
teamSchema.plugin(uniqueGuard);
const Team = model('Team', teamSchema);

export async function run(): Promise<void> {
  await Team.init();
  await Team.create({ name: 'red' });
  try {
    await connection.transaction(async (session) => {
      await Team.create([{ name: 'blue' }], { session });
      await Team.create([{ name: 'red' }], { session });
    });
  } catch (error) {
    if (!isUniqueValidationError(error)) throw error;
    console.log(error.errors['name']?.value); // red
  }
  console.log(await Team.countDocuments()); // 1
}
