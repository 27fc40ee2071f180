import { Mongoose, Schema } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';
import { hasErrorMiddleware } from '../../lib/upsert/post-save';
import { isPlainModel } from '../../lib/upsert/prepare/run-middleware';
import type { AnyModel } from '../support/writes';

const none = () => undefined;
const valid = () => true;

function modelOf(schema: Schema, discriminator?: Schema): AnyModel {
  const mongoose = new Mongoose();
  mongoose.set('autoIndex', false);
  const model = mongoose.model('Any', schema.plugin(uniqueGuard), undefined);
  if (discriminator) model.discriminator('Kind', discriminator);
  return model as unknown as AnyModel;
}

const text = { type: String, required: true, enum: ['a'], minlength: 1, maxlength: 2, match: /a/ };
const plainFields = {
  text,
  number: { type: Number, min: 1, max: 2, required: [true, 'needed'] },
  list: [text],
  nested: { at: Date, any: {} },
  map: { type: Map, of: String },
  rows: [new Schema({ text })],
  one: new Schema({ text }),
};
const fields = (more: object) => new Schema(more as never) as Schema;

// A rest parameter: for a third parameter that a row does not have Jest passes a callback, and waits for it.
describe('a plain model, whose inputs are prepared one by one', () => {
  it.each<[string, Schema, Schema?]>([
    [
      "Mongoose's own validators, defaults and timestamps",
      fields(plainFields).set('timestamps', true),
    ],
    ['a discriminator without more', fields({ a: Number }), fields({ b: Number })],
    ["post('save') middleware", fields({ a: Number }).post('save', none)],
  ])('may have %s', (...[, schema, discriminator]) => {
    expect(isPlainModel(modelOf(schema, discriminator))).toBe(true);
  });

  it.each<[string, Schema, Schema?]>([
    ["pre('save') middleware", fields({ a: Number }).pre('save', none as never)],
    ["pre('validate') middleware", fields({ a: Number }).pre('validate', none as never)],
    ['a validator', fields({ a: { type: Number, validate: valid } })],
    ['a validator in an array', fields({ a: [{ type: Number, validate: valid }] })],
    ['a validator in a Map', fields({ a: { type: Map, of: { type: Number, validate: valid } } })],
    [
      'a validator in a subdocument',
      fields({ a: fields({ b: { type: Number, validate: valid } }) }),
    ],
    [
      'a function that says whether a path is required',
      fields({ a: { type: Number, required: valid } }),
    ],
    [
      'a discriminator with a validator',
      fields({ a: Number }),
      fields({ b: { type: Number, validate: valid } }),
    ],
  ])('does not have: %s', (...[, schema, discriminator]) => {
    expect(isPlainModel(modelOf(schema, discriminator))).toBe(false);
  });

  it('has no validator that was added later', () => {
    const schema = fields({ a: Number });
    schema.path('a').validate(valid);
    expect(isPlainModel(modelOf(schema))).toBe(false);
  });

  it('is none where this Mongoose has no list of validators or paths', () => {
    const schema = fields({ a: Number });
    const model = modelOf(schema);
    Reflect.deleteProperty(model.schema.path('a'), 'validators');
    expect(isPlainModel(model)).toBe(false);
    const other = modelOf(fields({ a: Number }));
    Object.assign(other.schema, { paths: undefined });
    expect(isPlainModel(other)).toBe(false);
  });
});

describe('error middleware', () => {
  it.each<[string, Schema, object, boolean]>([
    ['the plugin alone', fields({ a: Number }), {}, false],
    [
      "a user's",
      fields({ a: Number }).post('save', (_error: unknown, _doc: unknown, next: () => void) => {
        next();
      }),
      {},
      true,
    ],
    [
      "a user's that is skipped",
      fields({ a: Number }).post('save', (_error: unknown, _doc: unknown, next: () => void) => {
        next();
      }),
      { middleware: false },
      false,
    ],
  ])('%s', (_, schema, options, expected) => {
    expect(hasErrorMiddleware(modelOf(schema), options)).toBe(expected);
  });
});
