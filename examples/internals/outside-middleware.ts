/** Writes that run no middleware: toValidationError converts their error. */
import { model, Schema } from 'mongoose';
import { isUniqueValidationError, toValidationError, uniqueGuard } from 'mongoose-unique-guard';

const couponSchema = new Schema({ code: { type: String, unique: true } });
couponSchema.plugin(uniqueGuard);
const Coupon = model('Coupon', couponSchema);

export async function run(): Promise<void> {
  await Coupon.init();
  await Coupon.create({ code: 'SPRING' });
  try {
    await Coupon.collection.insertOne({ code: 'SPRING' });
  } catch (error) {
    console.log(error instanceof Error && error.name); // MongoServerError
    const converted = toValidationError(error, Coupon);
    if (!isUniqueValidationError(converted)) throw error;
    console.log(converted.errors['code']?.message); // Path `code` must be unique.
  }
}
