import { Schema } from 'mongoose';
import { toValidationError, uniqueGuard } from 'mongoose-unique-guard';
import { captureFrames, framesOf, setFrames } from '../../lib/convert/stack';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { rejection, WRITES, type AnyModel } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

// The writes that Mongoose 8 still wraps in callbacks, across which V8 keeps no frames.
const isMongoose8 = mongoose.version.startsWith('8.');
const WITHOUT_CALLER = isMongoose8 ? /^(save|create|insertOne|insertMany)/ : /^$/;

describe('the stack of the error that a caller catches', () => {
  let model: AnyModel;
  beforeAll(async () => {
    const schema = new Schema({
      token: { type: String, unique: true },
      key: { type: String, unique: true },
    });
    schema.plugin(uniqueGuard, { conflictTarget: 'key' });
    model = await compile(schema);
    await model.create({ token: 'in use', key: 'a' });
  });

  const expectCaller = (error: Error, caller: string) => {
    const { stack = '', name, message } = error;
    expect(stack.startsWith(`${name}: ${message}\n    at `)).toBe(true);
    expect(stack).toContain(` ${caller} (`);
    expect(stack).not.toMatch(/at (makeValidationError|convertDuplicate)/);
  };

  it.each(WRITES)('$name: begins with its message and names the caller', async (write) => {
    const { _id } = await model.create({ token: String(Math.random()), key: 'b' });
    async function theCaller() {
      await write.run(model, { _id: '64b000000000000000000001', token: 'in use', key: 'c' }, _id);
    }
    const fields = { token: 'in use', key: 'c' };
    async function theCallerOfAnUpdate() {
      await write.run(model, fields, _id);
    }
    const isNew = write.writes === 'new';
    const error = (await rejection(isNew ? theCaller() : theCallerOfAnUpdate())) as Error;
    await model.deleteMany({ token: { $ne: 'in use' } });
    expect(error.name).toBe(
      write.shape === 'bulkWrite' ? 'MongoBulkWriteError' : 'ValidationError',
    );
    if (WITHOUT_CALLER.test(write.name)) {
      expect(error.stack).toContain(`ValidationError: ${error.message}\n    at `);
    } else expectCaller(error, isNew ? 'theCaller' : 'theCallerOfAnUpdate');
  });

  it('saveOrUpsert: names the caller', async () => {
    async function theCaller() {
      await model.saveOrUpsert({ key: 'd', token: 'in use' });
    }
    expectCaller((await rejection(theCaller())) as Error, 'theCaller');
  });

  it.each([false, true])(
    'saveOrUpsertMany: names the caller on the error of a row that is sent alone (ordered: %s)',
    async (ordered) => {
      const schema = new Schema({
        token: { type: String, unique: true },
        key: { type: String, unique: true },
        name: { type: String, required: true },
      });
      const Named = await compile(schema.plugin(uniqueGuard, { conflictTarget: 'key' }));
      await Named.create([
        { token: 'in use', key: 'a', name: 'A' },
        { token: 'other', key: 'b', name: 'B' },
      ]);
      async function theCaller() {
        const options = { validateModifiedOnly: true, ordered };
        return await Named.saveOrUpsertMany([{ key: 'b', token: 'in use' }], options);
      }
      const { results } = await theCaller();
      expectCaller((results[0] as { error: Error }).error, 'theCaller');
    },
  );

  it('saveOrUpsertMany: names the caller on the error of each row', async () => {
    async function theCaller() {
      return await model.saveOrUpsertMany([
        { key: 'd', token: 'in use' },
        { key: 'e', token: 'in use' },
      ]);
    }
    const { results } = await theCaller();
    expect(results).toHaveLength(2);
    for (const entry of results) expectCaller((entry as { error: Error }).error, 'theCaller');
  });

  it('toValidationError: has the frames of the error that it was given', async () => {
    async function theCaller() {
      await model.collection.insertOne({ token: 'in use' });
    }
    const raw = (await rejection(theCaller())) as Error;
    expectCaller(toValidationError(raw, model) as Error, 'theCaller');
  });

  it('shows a message that was changed later, and can be replaced', async () => {
    const error = (await rejection(
      model.updateOne({ key: 'z' }, { $set: { token: 'in use' } }, { upsert: true }),
    )) as Error;
    error.message = 'changed';
    expect(error.stack).toMatch(/^ValidationError: changed\n {4}at /);
    expect(Object.keys(error)).not.toContain('stack');
    expect(structuredClone(error).stack).toMatch(/^ValidationError: changed\n {4}at /);
    error.stack = 'replaced';
    expect(error.stack).toBe('replaced');
  });
});

describe('frames', () => {
  it('leave out a message that contains what looks like one', () => {
    const error = new Error('E11000 { a: "x\n    at secret" }');
    expect(framesOf(error)()).toMatch(/^\n {4}at /);
    expect(framesOf(error)()).not.toContain('secret');
  });

  it.each([
    ['no stack', { message: 'a' }],
    ['a stack without the message', { message: 'a', stack: 'Error: b\n    at c' }],
    ['a stack with more in that line', { message: 'a', stack: 'Error: a b\n    at c' }],
    ['no message', { stack: 'Error: b\n    at c' }],
  ])('are none for %s', (_, error) => {
    expect(framesOf(error)()).toBe('');
  });

  it('are those of the function that captures them, none where V8 keeps none', () => {
    function here() {
      return captureFrames();
    }
    expect(here()()).toMatch(/^\n {4}at here \(/);
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 0;
    const none = here();
    Error.stackTraceLimit = stackTraceLimit;
    const error = new TypeError('a');
    setFrames(error, none);
    expect(error.stack).toBe('TypeError: a');
  });
});
