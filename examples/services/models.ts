import { Schema, type Connection } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';

const accountSchema = new Schema(
  {
    email: { type: String, required: true, unique: true, lowercase: true, trim: true },
    logins: { type: Number, default: 0 },
    lastSeenAt: Date,
  },
  { timestamps: true },
);
accountSchema.plugin(uniqueGuard);

const contactSchema = new Schema({
  email: {
    type: String,
    required: [true, 'Enter an email address'],
    unique: true,
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
// A row is told by its email address; a customer number that is another contact's is refused.
contactSchema.plugin(uniqueGuard, { conflictTarget: 'email' });

const webhookEventSchema = new Schema({
  eventId: { type: String, required: true, unique: true },
  type: { type: String, required: true },
  payload: {},
  receivedAt: { type: Date, default: Date.now },
});
webhookEventSchema.plugin(uniqueGuard);

const settingsSchema = new Schema(
  {
    userId: { type: String, required: true, unique: true },
    language: { type: String, default: 'en' },
    theme: { type: String, enum: ['light', 'dark'], default: 'light' },
    newsletter: { type: Boolean, default: false },
  },
  { timestamps: true },
);
settingsSchema.plugin(uniqueGuard);

export type Models = ReturnType<typeof createModels>;

export function createModels(connection: Connection) {
  return {
    Account: connection.model('Account', accountSchema),
    Contact: connection.model('Contact', contactSchema),
    WebhookEvent: connection.model('WebhookEvent', webhookEventSchema),
    Settings: connection.model('Settings', settingsSchema),
  };
}
