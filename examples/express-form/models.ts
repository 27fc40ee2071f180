import { Schema, type Connection } from 'mongoose';
import { mongooseLeanVirtuals } from 'mongoose-lean-virtuals';
import { uniqueGuard } from 'mongoose-unique-guard';

const userSchema = new Schema(
  {
    name: { type: String, required: [true, 'Enter your name'], trim: true },
    email: {
      type: String,
      required: [true, 'Enter your email address'],
      unique: true,
      lowercase: true,
      trim: true,
      match: [/^[^@\s]+@[^@\s]+$/, 'Enter an email address like name@example.org'],
    },
    username: {
      type: String,
      required: [true, 'Choose a user name'],
      unique: [true, 'This user name is taken'],
      lowercase: true,
      trim: true,
    },
  },
  {
    id: false,
    toJSON: { virtuals: true, versionKey: false },
    virtuals: {
      label: {
        // No this.get(): with a lean query `this` is a plain object.
        get() {
          return `${this.name} (@${this.username})`;
        },
      },
    },
  },
);
userSchema.plugin(uniqueGuard, {
  message: 'This {PATH} is already registered',
  // A form shows all that is taken at once, instead of one field after the other.
  collectAll: true,
});
userSchema.plugin(mongooseLeanVirtuals);

const pageSchema = new Schema({
  tenant: { type: String, required: [true, 'Enter the tenant'], lowercase: true, trim: true },
  slug: { type: String, required: [true, 'Enter the slug'], lowercase: true, trim: true },
});
pageSchema.index({ tenant: 1, slug: 1 }, { unique: true });
pageSchema.plugin(uniqueGuard, {
  indexes: {
    // The index spans both paths, but the slug is the one that a user would change.
    tenant_1_slug_1: { path: 'slug', message: 'This tenant has a page with this slug already' },
  },
});

export type Models = ReturnType<typeof createModels>;

export function createModels(connection: Connection) {
  return {
    User: connection.model('User', userSchema),
    Page: connection.model('Page', pageSchema),
  };
}
