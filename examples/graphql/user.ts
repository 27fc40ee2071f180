import { model, Schema } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';

const userSchema = new Schema({
  email: {
    type: String,
    required: [true, 'Enter an email address'],
    unique: [true, 'This email address is already registered'],
    lowercase: true,
    trim: true,
  },
  name: { type: String, required: [true, 'Enter a name'] },
});
userSchema.plugin(uniqueGuard);

export const User = model('User', userSchema);
