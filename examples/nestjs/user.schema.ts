import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';

@Schema({ timestamps: true })
export class User {
  @Prop({ required: [true, 'Enter an email address'], unique: true, lowercase: true, trim: true })
  email!: string;

  @Prop({ required: [true, 'Enter a name'] })
  name!: string;
}

export const UserSchema = SchemaFactory.createForClass(User);
