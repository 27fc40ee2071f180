import type { Schema } from 'mongoose';
import { Mongoose } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';

const warn = jest.spyOn(process, 'emitWarning').mockImplementation(() => undefined);
beforeEach(() => warn.mockClear());
afterAll(() => {
  warn.mockRestore();
});

function start() {
  const mongoose = new Mongoose();
  mongoose.set({ autoIndex: false, autoCreate: false });
  return { mongoose, schema: new mongoose.Schema({ email: { type: String, unique: true } }) };
}

describe('the plugin on a schema that a model was compiled from', () => {
  it.each(['the default connection', 'another connection'])('warns once, on %s', (connection) => {
    const { mongoose, schema } = start();
    const from = connection === 'another connection' ? mongoose.createConnection() : mongoose;
    from.model('User', schema as Schema);
    schema.plugin(uniqueGuard);
    schema.plugin(uniqueGuard);
    expect(warn.mock.calls).toEqual([
      [
        'uniqueGuard: the model User was compiled before the plugin was applied to its schema, so the plugin ' +
          'does nothing for it. Call schema.plugin(uniqueGuard) before you call model().',
        { code: 'UNIQUE_GUARD_COMPILED' },
      ],
    ]);
  });
});

describe('no warning', () => {
  afterEach(() => {
    expect(warn).not.toHaveBeenCalled();
  });

  it('for the right order, and a second application after it', () => {
    const { mongoose, schema } = start();
    schema.plugin(uniqueGuard);
    mongoose.model('User', schema);
    schema.plugin(uniqueGuard);
  });

  it('for a global plugin', () => {
    const { mongoose, schema } = start();
    mongoose.plugin(uniqueGuard);
    mongoose.model('User', schema);
    mongoose.createConnection().model('User', schema as Schema);
  });

  it('for a second connection', () => {
    const { mongoose, schema } = start();
    schema.plugin(uniqueGuard);
    mongoose.model('User', schema);
    mongoose.createConnection().model('User', schema as Schema);
    mongoose.createConnection().model('Person', schema as Schema);
  });

  it('for hot reloading, which makes a new schema for the same model', () => {
    const { mongoose } = start();
    for (let time = 0; time < 2; time += 1) {
      const schema = new mongoose.Schema({ email: String });
      schema.plugin(uniqueGuard);
      if (!('User' in mongoose.models)) mongoose.model('User', schema);
      mongoose.model('Admin', schema, undefined, { overwriteModels: true });
    }
  });

  it('for discriminators, and a schema that is used as a subdocument', () => {
    const { mongoose, schema } = start();
    const inner = new mongoose.Schema({ name: String });
    schema.add({ inner } as never);
    schema.plugin(uniqueGuard);
    const User = mongoose.model('User', schema);
    const kind = new mongoose.Schema({ level: Number });
    kind.plugin(uniqueGuard);
    User.discriminator('Admin', kind);
    inner.plugin(uniqueGuard);
  });

  it('for a schema of a Mongoose that does not say what it belongs to', () => {
    const { mongoose, schema } = start();
    mongoose.model('User', schema);
    (schema as unknown as { base: unknown }).base = undefined;
    schema.plugin(uniqueGuard);
  });
});
