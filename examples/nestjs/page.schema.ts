import { Prop, Schema, SchemaFactory } from '@nestjs/mongoose';

@Schema()
export class Page {
  @Prop({ required: true, unique: true })
  slug!: string;
}

export const PageSchema = SchemaFactory.createForClass(Page);
