/** Counts duplicates per index, and prints them as a metrics endpoint does (Prometheus text format). */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { model, Schema } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';

const userSchema = new Schema({ email: { type: String, unique: true } });
userSchema.plugin(uniqueGuard);
const User = model('User', userSchema);

const counts = new Map<string, number>();

function countDuplicate(message: unknown): void {
  const { model: name, index = 'unknown' } = message as { model: string; index?: string };
  const series = `mongoose_duplicates_total{model="${name}",index="${index}"}`;
  counts.set(series, (counts.get(series) ?? 0) + 1);
}

/** The body of `GET /metrics`. */
const toMetrics = () =>
  ['# TYPE mongoose_duplicates_total counter']
    .concat([...counts].map(([series, count]) => `${series} ${String(count)}`))
    .join('\n');

export async function run(): Promise<void> {
  await User.init();
  subscribe('mongoose-unique-guard:duplicate', countDuplicate);
  const alice = { email: 'alice@example.com' };
  await User.create(alice);
  await User.create(alice).catch(() => undefined);
  await User.insertMany([alice]).catch(() => undefined);
  console.log(toMetrics());
  unsubscribe('mongoose-unique-guard:duplicate', countDuplicate);
  // # TYPE mongoose_duplicates_total counter
  // mongoose_duplicates_total{model="User",index="email_1"} 2
}
