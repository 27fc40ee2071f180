/** A job that may run twice: what is there already is no error. */
import { model, Schema } from 'mongoose';
import { isDuplicateKeyError, uniqueGuard } from 'mongoose-unique-guard';

const jobSchema = new Schema({ key: { type: String, unique: true } });
jobSchema.plugin(uniqueGuard);
const Job = model('Job', jobSchema);

async function claim(key: string): Promise<boolean> {
  try {
    await Job.create({ key });
    return true;
  } catch (error) {
    if (isDuplicateKeyError(error)) return false;
    throw error;
  }
}

export async function run(): Promise<void> {
  await Job.init();
  console.log(await claim('2026-11-23'), await claim('2026-11-23')); // true false
  const claims = await Promise.all(Array.from({ length: 20 }, () => claim('2026-11-24')));
  console.log(claims.filter(Boolean).length); // 1
}
