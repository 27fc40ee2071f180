/** A handler that asks for the ValidationError instead of code 11000. */
import { Error as MongooseErrors, model, Schema } from 'mongoose';
import { isUniqueValidationError, uniqueGuard } from 'mongoose-unique-guard';

const customerSchema = new Schema({ email: { type: String, required: true, unique: true } });
customerSchema.plugin(uniqueGuard);
const Customer = model('Customer', customerSchema);

/** The plugin's error first, then the other validation errors. */
function toResponse(error: unknown): string {
  if (isUniqueValidationError(error)) return `409 ${Object.keys(error.errors).join()}`;
  if (error instanceof MongooseErrors.ValidationError)
    return `422 ${Object.keys(error.errors).join()}`;
  throw error;
}

export async function run(): Promise<void> {
  await Customer.init();
  await Customer.create({ email: 'alice@example.com' });
  console.log(await Customer.create({ email: 'alice@example.com' }).catch(toResponse)); // 409 email
  console.log(await Customer.create({}).catch(toResponse)); // 422 email
}
