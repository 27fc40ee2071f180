/** Keeps values out of errors, and with them out of logs and responses. */
import { inspect } from 'node:util';
import { model, Schema } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';

const patientSchema = new Schema({
  insuranceNumber: { type: String, unique: true },
  token: { type: String, unique: true, select: false },
  name: String,
});
patientSchema.plugin(uniqueGuard, { hideValues: ['insuranceNumber'], collectAll: true });
const Patient = model('Patient', patientSchema);

export async function run(): Promise<void> {
  await Patient.init();
  const patient = { insuranceNumber: 'A123', token: 's3cret', name: 'Alice' };
  await Patient.create(patient);
  const error = await Patient.create(patient).catch((reason: unknown) => reason);
  for (const printed of [JSON.stringify(error), inspect(error, { depth: 10, showHidden: true })]) {
    console.log(printed.includes('insuranceNumber'), /A123|s3cret|Alice/.test(printed));
  }
  // true false
  // true false
}
