/** What an upsert leaves alone where nothing changes, and the version that it raises where `save()` does. */
import { mongo, Schema, Types } from 'mongoose';
import type { SaveOrUpsertOptions } from 'mongoose-unique-guard';
import { watchCommands } from '../support/commands';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { UPSERTS } from '../support/upserts';
import type { AnyModel, Doc } from '../support/writes';

const mongoose = useDatabase({ monitorCommands: true });
const compile = modelFactory(mongoose);
const email = { type: String, unique: true };
const OLD = new Date('2001-01-01');

/** The time of the last change goes back, so that a new one is another. */
async function age(model: AnyModel): Promise<void> {
  await model.collection.updateMany({}, { $set: { updatedAt: OLD } });
}

describe.each(UPSERTS)('%s', (name, call) => {
  const values = {
    string: 'a',
    int: 1,
    zero: 0,
    double: 1.5,
    decimal: Types.Decimal128.fromString('1.50'),
    long: 9007199254740993n,
    date: new Date(0),
    none: null,
    binary: Buffer.from('x'),
    id: new Types.ObjectId(),
    object: { b: 1, a: [1, { c: 1.5 }] },
    empty: [],
    list: [1, 2],
    map: new Map([['k', 1]]),
    wide: Array.from({ length: 60 }, (_, n) => n),
    dotted: { 'a.b': 1, $c: 2 },
  };
  const schema = () => new Schema({ email, value: {}, other: String }, { timestamps: true });

  it.each(Object.entries(values))(
    'leaves updatedAt alone where the value is stored: %s',
    async (__, value) => {
      const Thing = await compile(schema());
      expect(await call(Thing, { email: 'a', value })).toMatchObject({
        created: true,
        changed: true,
      });
      await age(Thing);
      const before = await Thing.collection.findOne();
      expect(await call(Thing, { email: 'a', value })).toMatchObject({
        created: false,
        changed: false,
      });
      expect(await Thing.collection.findOne()).toEqual(before);
      expect(await call(Thing, { email: 'a', value: 'another' })).toMatchObject({ changed: true });
      const after = (await Thing.collection.findOne()) as unknown as { updatedAt: Date };
      expect(after.updatedAt.getTime()).toBeGreaterThan(OLD.getTime());
    },
  );

  it.each<[string, unknown, unknown, object]>([
    ['null', undefined, null, { value: null }],
    ['unset', null, undefined, {}],
    ['a value', null, 'a', { value: 'a' }],
  ])("writes what pre('save') middleware sets: %s", async (__, before, after, stored) => {
    const withDefault = new Schema({ email, value: { type: String, default: before } });
    withDefault.pre('save', function (this: Doc) {
      this['value'] = after;
    });
    const Thing = await compile(withDefault);
    await Thing.collection.insertOne({ email: 'a', value: 'b' });
    await call(Thing, { email: 'a' });
    const projection = { _id: 0, __v: 0 };
    expect(await Thing.collection.findOne({}, { projection })).toEqual({ email: 'a', ...stored });
  });

  const { Int32, Double, Long } = mongoose.mongo.BSON;
  it.each<[string, unknown, unknown]>([
    ['a double for an int', new Double(1), 1],
    ['an int for a long', 1, Long.fromNumber(1)],
    [
      'a decimal with more digits',
      Types.Decimal128.fromString('1.0'),
      Types.Decimal128.fromString('1.00'),
    ],
    ['-0 for 0', new Double(0), -0],
    ['0 for -0', -0, new Double(0)],
    ['an int in an array', [new Double(1)], [1]],
    ['a double in an object', { a: { b: new Int32(1) } }, { a: { b: new Double(1) } }],
    ['fields in another order', { a: 1, b: 2 }, { b: 2, a: 1 }],
    ['a date as a string', new Date(0), new Date(0).toISOString()],
    ['null for nothing', undefined, null],
    ['nothing for null', null, undefined],
    ['a string for an array of it', ['a'], 'a'],
    ['a value for an array of numbers', 'a', [1, 2]],
  ])('takes another type for a change: %s', async (__, stored, value) => {
    const Thing = await compile(schema());
    await Thing.collection.insertOne({
      email: 'a',
      ...(stored !== undefined && { value: stored }),
      updatedAt: OLD,
    });
    expect(await call(Thing, { email: 'a', value })).toMatchObject({
      created: false,
      changed: true,
    });
    const after = (await Thing.collection.findOne()) as unknown as { updatedAt: Date };
    expect(after.updatedAt).not.toEqual(OLD);
  });

  it.each<[SaveOrUpsertOptions['onConflict'], boolean]>([
    ['update', false],
    ['replace', false],
    ['skip', false],
    [{ only: ['value'] }, false],
    [{ except: ['value'] }, false],
    [{ $set: { value: 1 } }, true],
  ])('says what changed with onConflict: %j', async (onConflict, changed) => {
    const Thing = await compile(schema());
    const options = onConflict === undefined ? {} : { onConflict };
    await call(Thing, { email: 'a', value: 1, other: 'o' }, options);
    await age(Thing);
    const outcome = await call(Thing, { email: 'a', value: 1, other: 'o' }, options);
    expect(outcome).toMatchObject({ created: false, changed });
    const { updatedAt } = (await Thing.collection.findOne()) as unknown as { updatedAt: Date };
    expect(updatedAt.getTime() === OLD.getTime()).toBe(!changed);
  });

  const kept = { type: String, immutable: true };
  const part = () => new Schema({ kept, other: String }, { _id: false });
  it.each<[string, Doc, Doc, boolean]>([
    ['the same values', { email: 'a', value: 1 }, { email: 'a', value: 1 }, false],
    ['another type', { email: 'a', value: '1' }, { email: 'a', value: 1 }, true],
    ['a double', { email: 'a', value: new mongo.Double(1) }, { email: 'a', value: 1 }, true],
    [
      'a double inside an object beside an immutable path',
      { email: 'a', n: { kept: 'old', number: new mongo.Double(1) } },
      { email: 'a', n: { number: 1 } },
      true,
    ],
    [
      'a number inside an object',
      { email: 'a', n: { number: 1 } },
      { email: 'a', n: { number: 1 } },
      false,
    ],
    [
      'other digits of a decimal',
      { email: 'a', value: Types.Decimal128.fromString('1.00') },
      { email: 'a', value: Types.Decimal128.fromString('1.0') },
      true,
    ],
    [
      'a path that the input lacks',
      { email: 'a', value: 1, other: 'o' },
      { email: 'a', value: 1 },
      true,
    ],
    ['a path that is new', { email: 'a' }, { email: 'a', value: 1 }, true],
    ['no path for one that is undefined', { email: 'a' }, { email: 'a', value: undefined }, false],
    ['an immutable path', { email: 'a', kept: 'old' }, { email: 'a', kept: 'new' }, false],
    ['an immutable path that the input lacks', { email: 'a', kept: 'old' }, { email: 'a' }, false],
    [
      'a nested immutable path',
      { email: 'a', n: { kept: 'old' } },
      { email: 'a', n: { kept: 'new' } },
      false,
    ],
    [
      'a nested immutable path that the input lacks',
      { email: 'a', n: { kept: 'old' } },
      { email: 'a' },
      false,
    ],
    [
      'an immutable path of a subdocument that the input lacks',
      { email: 'a', sub: { kept: 'old' } },
      { email: 'a' },
      true,
    ],
    [
      'an immutable path of a subdocument',
      { email: 'a', sub: { kept: 'old' } },
      { email: 'a', sub: { kept: 'new' } },
      false,
    ],
    [
      'an immutable path below null',
      { email: 'a', sub: { kept: 'old' } },
      { email: 'a', sub: null },
      true,
    ],
  ])("says what 'replace' changed where there is %s", async (_, before, input, changed) => {
    const Thing = await compile(
      new Schema(
        { email, value: {}, other: String, kept, n: { kept, number: Number }, sub: part() },
        { timestamps: true },
      ),
    );
    await call(Thing, { email: 'a' });
    await Thing.collection.replaceOne({}, { ...before, __v: 0, createdAt: OLD, updatedAt: OLD });
    const outcome = await call(Thing, input, { onConflict: 'replace' });
    expect(outcome).toMatchObject({ created: false, changed });
    const { updatedAt } = (await Thing.collection.findOne()) as unknown as { updatedAt: Date };
    expect(updatedAt.getTime() === OLD.getTime()).toBe(!changed);
  });

  describe('middleware of a subdocument that the input does not give', () => {
    const marked = (operation: 'save' | 'validate', options: object) => {
      const sub = new Schema({ mark: String, other: String }, { timestamps: true });
      sub.pre(operation, function () {
        this.mark = 'marked';
      });
      const b = { type: sub, default: () => ({}) };
      return new Schema({ email, a: [Number], n: { b }, b }, options);
    };
    const toStored = (mark: string) => ({ mark, other: 'o', updatedAt: OLD });
    const operations = ['save', 'validate'] as const;
    const timestamps = [true, false];
    const all = operations.flatMap((one) => timestamps.map((other) => [one, other] as const));

    it.each(all)(
      "pre('%s') changes neither a time nor the version if it sets what is stored (timestamps: %s)",
      async (operation, hasTimes) => {
        const Thing = await compile(marked(operation, { timestamps: hasTimes }));
        await call(Thing, { email: 'a', a: [1] });
        const b = toStored('marked');
        await Thing.collection.updateOne({}, { $set: { b, 'n.b': b, updatedAt: OLD } });
        const outcome = await call(Thing, { email: 'a', a: [1] });
        expect(outcome.changed).not.toBe(true);
        expect(await Thing.collection.findOne()).toMatchObject({
          b,
          n: { b },
          updatedAt: OLD,
          __v: 0,
        });
        await call(Thing, { email: 'a', a: [2] });
        expect(await Thing.collection.findOne()).toMatchObject({ a: [2], b, n: { b }, __v: 1 });
      },
    );

    // The timestamps of Mongoose are set before pre('save') of the schema runs.
    it.each(timestamps)(
      "pre('validate') sets the time of the one that it changes (timestamps: %s)",
      async (hasTimes) => {
        const Thing = await compile(marked('validate', { timestamps: hasTimes }));
        await call(Thing, { email: 'a', a: [1] });
        const [b, other] = [toStored('old'), toStored('marked')];
        const isOld = (one: { updatedAt: Date }) => one.updatedAt.getTime() === OLD.getTime();
        for (const options of [
          { onConflict: { except: ['b', 'n'] } },
          { onConflict: { except: ['b.mark'] } },
          {},
        ]) {
          await Thing.collection.updateOne({}, { $set: { b, 'n.b': other, __v: 0 } });
          await call(Thing, { email: 'a', a: [1] }, options);
          const stored = (await Thing.collection.findOne()) as never as Record<'b', typeof b> & {
            n: { b: typeof b };
            __v: number;
          };
          const isWritten = !('onConflict' in options);
          expect(stored).toMatchObject({
            b: { mark: isWritten ? 'marked' : 'old', other: 'o' },
            n: { b: other },
            __v: isWritten ? 1 : 0,
          });
          expect(isOld(stored.b)).toBe(!isWritten);
        }
      },
    );

    it('sets the time beside an operator that cannot be compared', async () => {
      const timed = marked('validate', {});
      timed.add({ count: Number });
      timed.pre('findOneAndUpdate', function () {
        this.set({ 'b.updatedAt': OLD }).setUpdate({
          ...(this.getUpdate() as object),
          $inc: { count: 1 },
        });
      });
      const Thing = await compile(timed);
      if (name === 'saveOrUpsertMany') return;
      await call(Thing, { email: 'a' });
      await call(Thing, { email: 'a' });
      const stored = (await Thing.collection.findOne()) as unknown as { b: { updatedAt: Date } };
      expect(stored).toMatchObject({ count: 2, b: { mark: 'marked' } });
      expect(stored.b.updatedAt).not.toEqual(OLD);
    });
  });

  it('of a schema without updatedAt, saveOrUpsert does not compare', async () => {
    const Thing = await compile(new Schema({ email, value: {} }));
    expect(await call(Thing, { email: 'a', value: 1 })).toMatchObject({ changed: true });
    const { changed } = await call(Thing, { email: 'a', value: 1 });
    expect(changed).toBe(name === 'saveOrUpsert' ? undefined : false);
    const replaced = await call(Thing, { email: 'a', value: 1 }, { onConflict: 'replace' });
    expect(replaced.changed).toBe(name === 'saveOrUpsert' ? undefined : false);
  });

  it('what middleware of the query adds is compared, too, unless it is an operator that cannot be', async () => {
    const timed = schema();
    timed.add({ count: Number });
    let update: object = { $set: { other: 'by query' } };
    timed.pre('findOneAndUpdate', function () {
      this.setUpdate({ ...(this.getUpdate() as object), ...update });
    });
    const Thing = await compile(timed);
    if (name === 'saveOrUpsertMany') return;
    await call(Thing, { email: 'a', value: 1 });
    await age(Thing);
    expect(await call(Thing, { email: 'a', value: 1 })).toMatchObject({ changed: false });
    update = { $set: { other: 'else' } };
    expect(await call(Thing, { email: 'a', value: 1 })).toMatchObject({ changed: true });
    update = { $inc: { count: 1 } };
    expect(await call(Thing, { email: 'a', value: 1 })).toMatchObject({ changed: true });
    expect(await Thing.collection.findOne()).toMatchObject({ other: 'else', count: 1 });
  });

  it('a name with a dollar is for the server to refuse, as in an update with operators', async () => {
    const Thing = await compile(new Schema({ email }, { strict: false, timestamps: true }));
    await call(Thing, { email: 'a' });
    await expect(call(Thing, { email: 'a', $a: 1 })).rejects.toThrow(/'\$a'/);
  });

  describe('the version', () => {
    const stale: [string, object, object, Doc, boolean][] = [
      ['an array is overwritten', { list: [Number] }, {}, { list: [1] }, true],
      ['a path of its own', { n: Number }, {}, { n: 5 }, false],
      ['optimisticConcurrency', { n: Number }, { optimisticConcurrency: true }, { n: 5 }, true],
      ['a listed path', { n: Number }, { optimisticConcurrency: ['n'] }, { n: 5 }, true],
      [
        'a path that is not listed',
        { n: Number, m: Number },
        { optimisticConcurrency: ['m'] },
        { n: 5 },
        false,
      ],
      [
        'an excluded path',
        { n: Number },
        { optimisticConcurrency: { exclude: ['n', 'email'] } },
        { n: 5 },
        false,
      ],
      [
        'a path that is not excluded',
        { n: Number, m: Number },
        { optimisticConcurrency: { exclude: ['m'] } },
        { n: 5 },
        true,
      ],
      [
        'a path without versions',
        { list: [Number] },
        { skipVersioning: { list: true } },
        { list: [1] },
        false,
      ],
      ['no version key', { list: [Number] }, { versionKey: false }, { list: [1] }, false],
    ];

    it.each(stale)(
      'of a document is as save() leaves it: %s',
      async (__, paths, options, input, isRaised) => {
        // Mongoose 8 takes the list of excluded paths for `true`.
        const isExcluding = JSON.stringify(options).includes('exclude');
        if (isExcluding && mongoose.version.startsWith('8.')) return;
        for (const more of [{}, { timestamps: true }]) {
          const Thing = await compile(
            new Schema({ email, ...paths } as never, { ...options, ...more }) as Schema,
          );
          for (const key of ['saved', 'upserted']) await call(Thing, { email: key });
          expect(await Thing.collection.findOne({ email: 'upserted' })).toMatchObject(
            'versionKey' in options ? {} : { __v: 0 },
          );
          const saved = await Thing.findOne({ email: 'saved' });
          for (const path of Object.keys(input)) saved?.set(path, input[path]).markModified(path);
          await saved?.save();
          await call(Thing, { email: 'upserted', ...input });
          const [one, two] = await Thing.collection.find().sort({ email: 1 }).toArray();
          expect(two?.['__v']).toBe(one?.['__v']);
          // The time itself is a path that is not excluded.
          if ('timestamps' in more && 'optimisticConcurrency' in options) continue;
          expect(two?.['__v']).toBe('versionKey' in options ? undefined : isRaised ? 1 : 0);
          await call(Thing, { email: 'upserted', ...input });
          expect(await Thing.collection.findOne({ email: 'upserted' })).toEqual(two);
        }
      },
    );

    it("makes another client's stale save fail", async () => {
      const Thing = await compile(
        new Schema({ email, n: Number }, { optimisticConcurrency: true }),
      );
      await call(Thing, { email: 'a', n: 1 });
      const document = await Thing.findOne();
      await call(Thing, { email: 'a', n: 2 });
      await expect(document?.set({ n: 3 }).save()).rejects.toThrow(/No matching document/);
      expect(await Thing.collection.findOne()).toMatchObject({ n: 2, __v: 1 });
    });

    it('is raised by a replacement that changes anything', async () => {
      const Thing = await compile(new Schema({ email, list: [Number] }));
      const options = { onConflict: 'replace' } as const;
      for (const [list, version] of [
        [[1], 0],
        [[1], 0],
        [[2], 1],
        [[2], 1],
      ] as const) {
        await call(Thing, { email: 'a', list }, options);
        expect(await Thing.collection.findOne()).toMatchObject({ list, __v: version });
      }
      await Thing.collection.updateOne({}, { $unset: { __v: 1 } });
      await call(Thing, { email: 'a', list: [3] }, options);
      expect(await Thing.collection.findOne()).toMatchObject({ list: [3], __v: 1 });
    });

    it('is raised where middleware adds to an array, and beside an operator that cannot be compared', async () => {
      const adding = new Schema({
        email,
        log: { type: [String], default: ['first'] },
        marks: [String],
      });
      adding.pre('save', function (this: Doc) {
        (this['log'] as string[]).push('saved');
        (this['marks'] as Types.Array<string>).addToSet('m');
      } as never);
      const Thing = await compile(adding as unknown as Schema);
      for (const [log, version] of [
        [['first', 'saved'], 0],
        [['first', 'saved', 'saved'], 1],
      ] as const) {
        await call(Thing, { email: 'a' });
        expect(await Thing.collection.findOne()).toMatchObject({ log, marks: ['m'], __v: version });
      }
      if (name === 'saveOrUpsertMany') return;
      const counting = new Schema({ email, list: [Number], count: Number });
      counting.pre('findOneAndUpdate', function () {
        this.setUpdate({ ...(this.getUpdate() as object), $inc: { count: 1 } });
      });
      const Counter = await compile(counting);
      await Counter.collection.insertOne({ email: 'a', __v: 4 });
      await call(Counter, { email: 'a', list: [1] });
      expect(await Counter.collection.findOne()).toMatchObject({ list: [1], count: 1, __v: 5 });
    });
  });

  it('with the _id as the target, an existing document is told from a new one', async () => {
    const Thing = await compile(
      new Schema({ _id: String, list: [Number], n: Number }, { timestamps: true }) as Schema,
    );
    const options = { conflictTarget: '_id' };
    await call(Thing, { _id: 'a', list: [1], n: 1 }, options);
    await call(Thing, { _id: 'a', list: [2] }, options);
    expect(await Thing.collection.findOne()).toMatchObject({ list: [2], n: 1, __v: 1 });
  });
});

it('takes one round trip', async () => {
  const Thing = await compile(new Schema({ email, list: [Number] }, { timestamps: true }));
  const commands = watchCommands(mongoose);
  for (const list of [[1], [1], [2]]) await Thing.saveOrUpsert({ email: 'a', list });
  const names = commands.take().map((command) => Object.keys(command)[0]);
  expect(names).toEqual(['findAndModify', 'findAndModify', 'findAndModify']);
});

it('rows with the key of one before them are compared with what that one left', async () => {
  const Thing = await compile(new Schema({ email, n: Number }, { timestamps: true }));
  await Thing.saveOrUpsert({ email: 'a', n: 1 });
  await age(Thing);
  const row = { email: 'a', n: 1 };
  await Thing.saveOrUpsertMany([row, row, row]);
  expect(await Thing.collection.findOne()).toMatchObject({ updatedAt: OLD });
  await Thing.saveOrUpsertMany([row, { ...row, n: 2 }, row]);
  expect(await Thing.collection.findOne()).toMatchObject({ n: 1 });
});

it('an ordered batch ends at the first row that fails, also where later ones change nothing', async () => {
  const Thing = await compile(
    new Schema({ email, n: Number, name: { type: String, unique: true, sparse: true } }),
  );
  await Thing.create([
    { email: 'a', n: 1 },
    { email: 'b', n: 1, name: 'taken' },
  ]);
  const same = { email: 'a', n: 1 };
  const options = { ordered: true, conflictTarget: 'email' } as const;
  for (const bad of [
    { email: 'c', n: 'x' },
    { email: 'c', name: 'taken' },
  ]) {
    const outcome = await Thing.saveOrUpsertMany(
      [same, bad, { email: 'b', n: 1 }] as never,
      options,
    );
    expect(outcome).toMatchObject({ unchanged: 1, failed: 1 });
    expect(outcome.results).toHaveLength(2);
  }
});
