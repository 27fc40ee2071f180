/** Middleware, immutable paths and empty objects inside of documents: as `save()` treats them. */
import { Schema, type SchemaOptions } from 'mongoose';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { UPSERTS } from '../support/upserts';
import type { Doc } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);
const email = { type: String, unique: true };

type Hooked = Doc & { isModified(path: string): boolean; isNew: boolean };
/** A subdocument's kind whose middleware hashes. */
function card(operation: 'save' | 'validate'): Schema {
  const schema = new Schema({ number: String }, { _id: false }) as Schema;
  schema.pre(operation, function (this: Hooked) {
    if (this['number'] === 'bad') throw new Error('refused');
    if (this.isModified('number')) this['number'] = `#${String(this['number'])}`;
  } as never);
  return schema;
}

const payment = () => new Schema({ name: String }, { _id: false, discriminatorKey: 'kind' });
const kind = (number: string) => ({ kind: 'Card', number });

/** Where a discriminator can be embedded, and an input with one there. */
const PLACES: Record<
  string,
  { schema: (kinds: Schema) => Schema; input: (value: Doc) => Doc; isLeftOut?: true }
> = {
  'an array': {
    schema: (kinds) => new Schema({ email, at: [kinds] }),
    input: (value) => ({ at: [value] }),
  },
  'a single subdocument': {
    schema: (kinds) => new Schema({ email, at: kinds }),
    input: (value) => ({ at: value }),
  },
  'a nested object': {
    schema: (kinds) => new Schema({ email, nested: { at: kinds } }),
    input: (value) => ({ nested: { at: value } }),
  },
  'a Map': {
    schema: (kinds) => new Schema({ email, at: { type: Map, of: kinds } }),
    input: (value) => ({ at: { one: value } }),
  },
  'a subdocument of a subdocument': {
    schema: (kinds) =>
      new Schema({
        email,
        at: [new Schema({ of: new Schema({ list: [kinds] }) }, { _id: false })],
      }),
    input: (value) => ({ at: [{ of: { list: [value] } }] }),
  },
  // Mongoose's save() runs no middleware there.
  'an array of arrays': {
    schema: (kinds) => new Schema({ email, at: [[kinds]] }),
    input: (value) => ({ at: [[value]] }),
    isLeftOut: true,
  },
};

const withoutIds = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (name, one: unknown) =>
      ['_id', 'email', '__v'].includes(name) ? undefined : one,
    ),
  );

describe.each(UPSERTS)('%s', (_, upsert) => {
  describe.each(['save', 'validate'] as const)(
    "pre('%s') of an embedded discriminator",
    (operation) => {
      it.each(Object.entries(PLACES))(
        'runs in %s',
        async (__, { schema, input, isLeftOut = false }) => {
          const kinds = payment();
          kinds.discriminator('Card', card(operation));
          const Person = await compile(schema(kinds) as Schema);
          await new Person({ email: 'saved', ...input(kind('1')) }).save();
          await upsert(Person, { email: 'upserted', ...input(kind('1')) });
          await upsert(Person, { email: 'upserted', ...input(kind('2')) });
          const [saved, upserted] = (await Person.collection.find().toArray()).map((one) =>
            JSON.stringify(withoutIds(one)),
          ) as [string, string];
          expect(upserted).toBe(saved.replaceAll('1', '2'));
          const isHashed = saved.includes('"#1"');
          expect(isHashed).toBe(!isLeftOut);
          const refused = upsert(Person, { email: 'refused', ...input(kind('bad')) });
          if (isHashed) await expect(refused).rejects.toThrow('refused');
          else await refused;
          expect(await Person.countDocuments()).toBe(isHashed ? 2 : 3);
        },
      );
    },
  );

  it.each([false, true])(
    'writes a given object with an immutable path where null is stored, with timestamps: %s',
    async (timestamps) => {
      const paths = { ssn: { type: String, immutable: true }, name: String };
      const sub = new Schema({ ...paths, deep: new Schema(paths, { _id: false }) }, { _id: false });
      const Person = await compile(
        new Schema({ email, sub, nested: paths }, { timestamps }) as Schema,
      );
      await Person.collection.insertMany([
        { email: 'a', sub: null, nested: null },
        { email: 'b', sub: { ssn: '1', deep: null }, nested: { ssn: '1' } },
      ]);
      const given = { sub: { name: 'n', deep: { name: 'n' } }, nested: { name: 'n' } };
      for (const key of ['a', 'b', 'c']) await upsert(Person, { email: key, ...given });
      const [a, b, c] = await Person.collection.find({}, { sort: { email: 1 } }).toArray();
      expect(a).toMatchObject(given);
      expect(a?.['sub']).not.toHaveProperty('ssn');
      expect(b).toMatchObject({ sub: { ...given.sub, ssn: '1' }, nested: { name: 'n', ssn: '1' } });
      expect(c).toMatchObject(given);
    },
  );

  describe('middleware that reads isNew, of a subdocument that is given as its default is', () => {
    const marked = () => {
      const schema = new Schema({ name: String, mark: String }, { _id: false });
      schema.pre('validate', function (this: Hooked) {
        this['mark'] = this.isNew ? 'new' : 'old';
      } as never);
      return schema;
    };
    const byDefault = (type: Schema) => ({ type, default: () => ({}) });
    const around = (at: object) => new Schema({ at }, { _id: false });

    it.each<[string, () => object, Doc, Doc]>([
      ['alone', () => byDefault(marked()), {}, { name: 'old' }],
      ['in another one', () => around(byDefault(marked())), { at: {} }, { at: { name: 'old' } }],
      [
        'in another one with a default',
        () => byDefault(around(byDefault(marked()))),
        { at: {} },
        { at: { name: 'old' } },
      ],
      [
        'in a nested object',
        () => ({ at: byDefault(marked()) }),
        { at: {} },
        { at: { name: 'o' } },
      ],
      ['in a list', () => ({ type: [marked()], default: [{}] }), [{}] as never, [{}, {}] as never],
      [
        'in a Map',
        () => ({ type: Map, of: marked(), default: { one: {} } }),
        { one: {} },
        { one: { name: 'old' } },
      ],
    ])('runs for one that is %s', async (__, at, given, stored) => {
      const Person = await compile(new Schema({ email, at: at() }) as Schema);
      await Person.collection.insertMany([
        { email: 'saved', at: stored },
        { email: 'upserted', at: stored },
      ]);
      const person = await Person.findOne({ email: 'saved' });
      person?.set({ at: given }).markModified('at');
      await person?.save();
      await upsert(Person, { email: 'upserted', at: given });
      const [saved, upserted] = (await Person.collection.find().toArray()).map(withoutIds);
      expect(JSON.stringify(saved)).toContain('mark');
      expect(upserted).toEqual(saved);
    });
  });

  it('runs middleware of a discriminator that a compiled path got later, and of a recursive schema', async () => {
    const tree = new Schema({ number: String }, { _id: false }) as Schema;
    tree.add({ children: [tree] });
    tree.pre('save', function (this: Hooked) {
      this['number'] = `#${String(this['number'])}`;
    } as never);
    const Person = await compile(new Schema({ email, trees: [tree], items: [payment()] }));
    const items = Person.schema.path('items') as unknown as {
      discriminator(name: string, schema: Schema): void;
    };
    items.discriminator('Card', card('save'));
    const trees = [{ number: '1', children: [{ number: '2' }] }];
    await upsert(Person, { email: 'a', trees, items: [kind('1')] });
    expect(await Person.collection.findOne()).toMatchObject({
      trees: [{ number: '#1', children: [{ number: '#2' }] }],
      items: [{ number: '#1' }],
    });
  });

  it.each([
    'validateBeforeSave',
    'timestampsPreSave',
    'trackTransactionPreSave',
    'saveSubdocsPreSave',
  ])('runs a function of the user that is named %s', async (name) => {
    const hook = {
      [name](this: Doc) {
        this['ran'] = true;
      },
    }[name] as () => void;
    const schema = new Schema({ email, ran: Boolean }, { timestamps: true });
    schema.pre('save', hook);
    const Person = await compile(schema);
    await upsert(Person, { email: 'a' });
    expect(await Person.collection.findOne()).toMatchObject({ ran: true });
  });

  it.each<[string, Schema, Doc]>([
    [
      'a nested object',
      new Schema({
        email,
        n: { im: { type: String, immutable: true }, m: { type: Map, of: String } },
      }),
      { m: { k: 'v' } },
    ],
    [
      'a subdocument',
      new Schema({
        email,
        n: new Schema(
          { im: { type: String, immutable: true }, m: { type: Map, of: String } },
          { _id: false },
        ),
      }),
      { m: { k: 'v' } },
    ],
    [
      'a nested object, of subdocuments with timestamps',
      new Schema({
        email,
        n: {
          im: { type: String, immutable: true },
          m: { type: Map, of: new Schema({ a: String }, { _id: false, timestamps: true }) },
        },
      }),
      { m: { k: { a: 'v' } } },
    ],
  ])('writes a Map beside an immutable path in %s', async (__, schema, n) => {
    const Person = await compile(schema as Schema);
    await upsert(Person, { email: 'a', n: { im: '1', ...n } });
    expect(await Person.collection.findOne()).toMatchObject({ n: { im: '1', ...n } });
    await upsert(Person, { email: 'a', n: { im: '2', m: {} } });
    const { n: written } = (await Person.collection.findOne()) as unknown as { n: Doc };
    expect(written).toEqual({ im: '1', m: {} });
  });

  it('keeps an immutable path where the object around it is empty', async () => {
    const Person = await compile(
      new Schema({ email, n: { im: { type: String, immutable: true }, a: String } }),
    );
    await upsert(Person, { email: 'a', n: { im: '1', a: '1' } });
    await upsert(Person, { email: 'a', n: {} });
    expect(await Person.collection.findOne()).toMatchObject({ n: { im: '1' } });
  });

  it.each<[string, (inner: object) => object, (value: Doc) => Doc]>([
    ['the document', (inner) => ({ in: inner }), (value) => ({ in: value })],
    [
      'a subdocument',
      (inner) => ({ sub: new Schema({ in: inner }, { _id: false }) }),
      (value) => ({ sub: { in: value } }),
    ],
    [
      'a subdocument of a nested object',
      (inner) => ({ n: { sub: new Schema({ in: inner }, { _id: false }) } }),
      (value) => ({ n: { sub: { in: value } } }),
    ],
  ])(
    'removes what an object beside an immutable path does not have, in %s',
    async (__, definition, at) => {
      const inner = { im: { type: String, immutable: true }, a: String, b: String };
      const Person = await compile(
        new Schema({ email, ...definition(inner) }) as unknown as Schema,
      );
      await upsert(Person, { email: 'a', ...at({ im: '1', a: '1', b: '1' }) });
      await upsert(Person, { email: 'a', ...at({ im: '2', a: '2' }) });
      expect(withoutIds(await Person.collection.findOne())).toEqual(at({ im: '1', a: '2' }));
    },
  );

  it("sets no immutable path of an existing document, also where strict is 'throw'", async () => {
    const id = { type: Schema.Types.ObjectId, immutable: true };
    const schema = new Schema(
      { email, id, n: { id }, made: String },
      { strict: 'throw', id: false },
    );
    schema.pre('save', function (this: Hooked) {
      if (this.isNew) this['made'] = 'new';
    } as never);
    const Person = await compile(schema as unknown as Schema);
    const given = '64b000000000000000000001';
    await upsert(Person, { email: 'a', id: given, n: { id: given } });
    await upsert(Person, { email: 'a', id: '64b000000000000000000002', n: { id: given } });
    expect(withoutIds(await Person.collection.findOne())).toEqual({
      id: given,
      n: { id: given },
      made: 'new',
    });
  });

  describe("an immutable path with a default, where strict is 'throw'", () => {
    const strict = 'throw' as const;
    const im = { type: String, immutable: true, default: 'd' };
    const sub = () => new Schema({ im, a: String }, { strict, _id: false });
    const PATHS: Record<string, [path: object, given: unknown]> = {
      'at the top': [im, 'given'],
      'in a nested object': [{ im }, { im: 'given' }],
      'in a subdocument': [{ type: sub() }, { im: 'given' }],
      'in a default subdocument': [{ type: sub(), default: {} }, { im: 'given' }],
    };
    it.each(
      Object.entries(PATHS).flatMap(([title, [path, given]]) => [
        [title, {}, path] as const,
        [`${title}, given`, { at: given }, path] as const,
      ]),
    )('%s is stored once, and refuses no update', async (_, input, path) => {
      const schema = new Schema({ email, at: path, made: String, n: Number } as never, { strict });
      schema.pre('save', function (this: Hooked) {
        if (this.isNew) this['made'] = 'new';
      } as never);
      const Person = await compile(schema as unknown as Schema);
      await new Person({ email: 'saved', ...input }).save();
      await upsert(Person, { email: 'upserted', ...input });
      const [saved, upserted] = (await Person.collection.find().toArray()).map(withoutIds);
      expect(upserted).toEqual(saved);
      await upsert(Person, { email: 'upserted', ...input, n: 1 });
      const updated = await Person.collection.findOne({ email: 'upserted' });
      expect(withoutIds(updated)).toEqual({ ...(saved as Doc), n: 1 });
    });
  });

  it.each([true, 'throw'] as const)(
    'subdocuments of a default have their timestamps, with strict: %s',
    async (strict) => {
      const inner = new Schema({ a: String }, { strict, timestamps: true, _id: false });
      const outer = new Schema({ inner }, { _id: false });
      const byDefault = { inner: {} };
      const Person = await compile(
        new Schema({
          email,
          list: { type: [outer], default: () => [byDefault] },
          map: { type: Map, of: outer, default: () => ({ k: byDefault }) },
          sub: { type: outer, default: () => byDefault },
        }) as Schema,
      );
      await upsert(Person, { email: 'a' });
      const times = { inner: { createdAt: expect.any(Date), updatedAt: expect.any(Date) } };
      expect(await Person.collection.findOne()).toMatchObject({
        list: [times],
        map: { k: times },
        sub: times,
      });
    },
  );

  describe('of a default that the input does not give', () => {
    const element = () => {
      const schema = new Schema({ n: Number, mark: String }, { _id: false });
      schema.pre('validate', function () {
        this.mark = 'marked';
      });
      return schema;
    };
    const stored = [{ n: 7 }, { n: 8 }];
    const PLACES: Record<string, [path: object, value: unknown]> = {
      'an array': [{ type: [element()], default: () => [{ n: 1 }] }, stored],
      'a Map': [{ type: Map, of: element(), default: () => ({ k: { n: 1 } }) }, { z: { n: 9 } }],
      'a nested array': [{ of: { type: [element()], default: () => [{ n: 1 }] } }, { of: stored }],
      'an array of a default subdocument': [
        {
          type: new Schema(
            { of: { type: [element()], default: () => [{ n: 1 }] } },
            { _id: false },
          ),
          default: () => ({}),
        },
        { of: stored },
      ],
      'an array of arrays': [{ type: [[element()]], default: () => [[{ n: 1 }]] }, [stored]],
    };
    it.each(Object.entries(PLACES))(
      'middleware of the elements of %s changes none that are stored',
      async (_, [path, value]) => {
        const Person = await compile(new Schema({ email, at: path, n: Number } as never) as Schema);
        await Person.collection.insertOne({ email: 'a', at: value, __v: 0 } as never);
        await upsert(Person, { email: 'a', n: 1 });
        const updated = await Person.collection.findOne();
        expect(withoutIds(updated)).toEqual({ at: value, n: 1 });
      },
    );

    it('middleware of the document adds elements and replaces them', async () => {
      const list = { type: [element()], default: () => [{ n: 1 }] };
      const map = { type: Map, of: element(), default: () => ({ k: { n: 1 }, l: { n: 1 } }) };
      const schema = new Schema({ email, list, other: list, map, n: Number });
      schema.pre('save', function () {
        this.list.push({ n: 4 });
        this.set('other', [{ n: 5 }]);
        (this.map as Map<string, unknown>).set('k', { n: 6 });
      });
      const Person = await compile(schema as unknown as Schema);
      const at = { list: stored, other: stored, map: { k: { n: 9, mark: 'old' }, z: { n: 9 } } };
      await Person.collection.insertOne({ email: 'a', ...at, __v: 0 } as never);
      await upsert(Person, { email: 'a', n: 1 });
      expect(withoutIds(await Person.collection.findOne())).toEqual({
        list: [...stored, { n: 4 }],
        other: [{ n: 5 }],
        map: { k: { n: 6 }, z: { n: 9 } },
        n: 1,
      });
    });
  });

  it.each<[SchemaOptions, SchemaOptions]>([
    [{ minimize: true }, {}],
    [{ minimize: false }, {}],
    [{}, { minimize: false }],
    [{ toObject: { minimize: false } }, {}],
  ])(
    'stores empty objects as save() does, with %j, and %j of the subdocument',
    async (options, ofSubdocument) => {
      const sub = new Schema({ mixed: {} }, { _id: false, ...ofSubdocument } as object);
      const Person = await compile(new Schema({ email, mixed: {}, sub }, options as object));
      const input = { mixed: { a: {}, b: { c: {} }, d: 1 }, sub: { mixed: { e: {} } } };
      for (const name of ['saved', 'upserted']) {
        await Person.collection.insertOne({ email: name, mixed: { old: 1 }, sub: { mixed: 1 } });
      }
      const document = await Person.findOne({ email: 'saved' });
      await document?.set(input).save();
      await upsert(Person, { email: 'upserted', ...input });
      const [saved, upserted] = (await Person.collection.find().toArray()).map(withoutIds);
      expect(upserted).toEqual(saved);
      expect(Object.keys(upserted as object)).toContain('mixed');
    },
  );

  it('a subdocument is new on insert, and on update where save() takes it for new', async () => {
    const sub = () => {
      const schema = new Schema({ a: String, made: String }, { _id: false }) as Schema;
      schema.pre('save', function (this: Hooked) {
        if (this.isNew) this['made'] = 'new';
      } as never);
      return schema;
    };
    const Person = await compile(new Schema({ email, one: sub(), list: [sub()] }));
    const input = (a: string) => ({ one: { a }, list: [{ a }] });
    await new Person({ email: 'saved', ...input('1') }).save();
    await upsert(Person, { email: 'upserted', ...input('1') });
    const stored = async () => (await Person.collection.find().toArray()).map(withoutIds);
    expect((await stored())[1]).toEqual((await stored())[0]);
    expect((await stored())[1]).toEqual({
      one: { a: '1', made: 'new' },
      list: [{ a: '1', made: 'new' }],
    });
    const document = await Person.findOne({ email: 'saved' });
    await document?.set(input('2')).save();
    await upsert(Person, { email: 'upserted', ...input('2') });
    expect((await stored())[1]).toEqual((await stored())[0]);
    expect((await stored())[1]).toEqual({ one: { a: '2' }, list: [{ a: '2', made: 'new' }] });
  });

  it('a subdocument below one without timestamps has its own', async () => {
    const timed = new Schema({ a: String }, { timestamps: true });
    const Person = await compile(new Schema({ email, of: new Schema({ sub: timed }) }));
    await upsert(Person, { email: 'a', of: { sub: { a: '1' } } });
    expect(await Person.collection.findOne()).toMatchObject({
      of: { sub: { createdAt: expect.any(Date) as Date, updatedAt: expect.any(Date) as Date } },
    });
  });

  it.each([
    ['the clock of Mongoose', true, expect.any(Date) as Date],
    ['a clock of its own', { currentTime: () => new Date(5) }, new Date(5)],
  ])(
    'a discriminator whose subdocuments have timestamps has those of its base: %s',
    async (__, timestamps, time) => {
      const Base = await compile(new Schema({ email }, { timestamps: timestamps as never }));
      const timed = new Schema({ a: String }, { timestamps: true });
      const name = `Timed${Base.modelName}`;
      Base.discriminator(name, new Schema({ sub: timed }) as Schema);
      await upsert(Base, { email: 'a', __t: name, sub: { a: '1' } });
      expect(await Base.collection.findOne()).toMatchObject({ createdAt: time, updatedAt: time });
    },
  );

  /** A subdocument whose own middleware sets a path. */
  const stamped = (operation: 'save' | 'validate') => {
    const schema = new Schema({ stamp: String, a: String }, { _id: false }) as Schema;
    schema.pre(operation, function (this: Hooked) {
      this['stamp'] = 'set';
    } as never);
    return { type: schema, default: () => ({}) };
  };
  const withHook = (schema: Schema, path: string) => {
    schema.pre('save', function (this: Hooked & { set(path: string, value: unknown): void }) {
      this.set(path, 'set');
    } as never);
    return schema;
  };

  describe.each<[string, (paths: string[]) => object]>([
    ["'update'", () => ({})],
    ['{ only }', (paths) => ({ onConflict: { only: ['n', ...paths] } })],
  ])('with onConflict %s', (__, optionsFor) => {
    it.each<[string, () => Schema, Doc]>([
      ['a subdocument', () => new Schema({ email, n: Number, at: stamped('save') }), { at: {} }],
      [
        "a subdocument with pre('validate')",
        () => new Schema({ email, n: Number, at: stamped('validate') }),
        { at: {} },
      ],
      [
        'a subdocument of a nested object',
        () => new Schema({ email, n: Number, nested: { b: String, at: stamped('save') } }),
        { nested: { b: 'kept', at: {} } },
      ],
      [
        'a subdocument of a subdocument',
        () =>
          new Schema({
            email,
            n: Number,
            at: { type: new Schema({ at: stamped('save') }, { _id: false }), default: () => ({}) },
          }),
        { at: { at: {} } },
      ],
      [
        'a nested object',
        () =>
          withHook(
            new Schema({ email, n: Number, nested: { stamp: String, a: String } }) as Schema,
            'nested.stamp',
          ),
        { nested: {} },
      ],
    ])('keeps the stored values of %s in which middleware sets a path', async (___, schema, at) => {
      const Person = await compile(schema() as Schema);
      const withValue = (value: Doc): Doc =>
        Object.keys(value).length === 0
          ? { a: 'stored' }
          : Object.fromEntries(
              Object.entries(value).map(([name, one]) => [
                name,
                typeof one === 'object' ? withValue(one as Doc) : one,
              ]),
            );
      for (const name of ['saved', 'upserted']) {
        await Person.collection.insertOne({ email: name, ...withValue(at) });
      }
      const document = await Person.findOne({ email: 'saved' });
      await document?.set({ n: 2 }).save();
      await upsert(Person, { email: 'upserted', n: 2 }, optionsFor(Object.keys(at)));
      const [saved, upserted] = (await Person.collection.find().toArray()).map(withoutIds);
      expect(upserted).toEqual(saved);
      expect(JSON.stringify(upserted)).toMatch(/stored.*set/);
    });
  });
});
