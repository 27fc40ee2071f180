import { Schema, type Connection } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';

const contactSchema = new Schema({
  email: {
    type: String,
    required: [true, 'Enter an email address'],
    unique: [true, 'Another contact has this email address'],
    lowercase: true,
    trim: true,
    match: [/^[^@\s]+@[^@\s]+$/, 'Enter an email address like name@example.org'],
  },
  name: { type: String, required: [true, 'Enter a name'], trim: true },
  customerNumber: {
    type: String,
    unique: [true, 'Another contact has this customer number'],
    sparse: true,
  },
});
contactSchema.plugin(uniqueGuard, { conflictTarget: 'email' });

const counterSchema = new Schema({
  key: { type: String, required: true, unique: true },
  caller: Number,
});
counterSchema.plugin(uniqueGuard);

export type TourModels = ReturnType<typeof createTourModels>;

/** Collections of the tour's own: what it does there touches no user and no page. */
export function createTourModels(connection: Connection) {
  return {
    Contact: connection.model('TourContact', contactSchema),
    Counter: connection.model('TourCounter', counterSchema),
  };
}
