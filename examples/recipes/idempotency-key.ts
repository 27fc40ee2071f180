/** A webhook that is delivered twice is handled once; the second delivery gets the first one's answer. */
import { model, Schema } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';

const deliverySchema = new Schema({
  key: { type: String, required: true, unique: true },
  answer: String,
  // The server removes a key after a day.
  receivedAt: { type: Date, default: Date.now, expires: '1d' },
});
deliverySchema.plugin(uniqueGuard);
const Delivery = model('IdempotentDelivery', deliverySchema);

let charges = 0;
const charge = () => Promise.resolve(`charged, receipt ${String((charges += 1))}`);

/** The key and the work are stored together or not at all, so a delivery that failed runs again. */
async function receive(key: string): Promise<string | null | undefined> {
  return Delivery.db.transaction(async (session) => {
    const options = { onConflict: 'skip', session } as const;
    const { doc, created } = await Delivery.saveOrUpsert({ key }, options);
    if (!created) return doc.answer;
    doc.answer = await charge();
    await doc.save();
    return doc.answer;
  });
}

export async function run(): Promise<void> {
  await Delivery.init();
  console.log(await receive('evt_1')); // charged, receipt 1
  console.log(await receive('evt_1')); // charged, receipt 1
  console.log(await receive('evt_2')); // charged, receipt 2
}
