/** What only the comparison of random schemas with save() had found. */
import { Schema } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';
import { useDatabase } from '../support/database';
import type { AnyModel, Doc } from '../support/writes';

const mongoose = useDatabase();
let count = 0;

async function compile(
  paths: Doc,
  options = {},
  change: (schema: Schema) => void = () => undefined,
) {
  const schema = new Schema(
    { key: { type: String, unique: true }, ...paths } as never,
    options,
  ) as Schema;
  change(schema);
  schema.plugin(uniqueGuard, { conflictTarget: 'key' });
  count += 1;
  const model = mongoose.model(`Answer${String(count)}`, schema) as unknown as AnyModel;
  await model.createIndexes();
  return model;
}

it.each([
  ['Number', 1],
  ['Number', 2.5],
  ['String', 'a'],
  ['Buffer', Buffer.from('a')],
  ['UUID', '09190f70-3d30-11e5-8814-0f4df9a59c41'],
  ['Decimal128', '1.0'],
  ['BigInt', 9007199254740993n],
] as const)(
  'saveOrUpsertMany reports an _id of type %s as a document has it, and runs post middleware (%p)',
  async (type, _id) => {
    const seen: unknown[] = [];
    const model = await compile({ _id: { type: Schema.Types[type] }, n: Number }, {}, (schema) =>
      schema.post('save', (document) => void seen.push(document['n'])),
    );
    for (const n of [1, 2, 2]) {
      const { results } = await model.saveOrUpsertMany([{ _id, key: 'a', n }]);
      const { _id: expected } = (await model.findOne({ key: 'a' }).orFail()) as { _id: unknown };
      const [{ _id: reported }] = results as unknown as [{ _id: number }];
      expect(String(reported)).toBe(String(expected));
      expect(reported.constructor).toBe((expected as object).constructor);
    }
    expect(seen).toEqual([1, 2, 2]);
  },
);

it('saveOrUpsertMany writes a Map whose only new key holds undefined, as saveOrUpsert does', async () => {
  const model = await compile({ m: { type: Map, of: 'Mixed' } });
  await model.saveOrUpsertMany([{ key: 'a', m: {} }]);
  await model.saveOrUpsertMany([{ key: 'a', m: { k: undefined } }]);
  expect(await model.collection.findOne({ key: 'a' })).toMatchObject({ m: { k: null } });
});

it.each(['fixed', 'alias'])(
  'an immutable path given as %s is kept where strict is "throw" and middleware reads isNew',
  async (name) => {
    const fixed = { type: String, immutable: true, alias: 'alias' };
    const model = await compile({ fixed, n: Number }, { strict: 'throw' }, (schema) =>
      schema.pre('save', function () {
        this.$locals['isNew'] = this.isNew;
      }),
    );
    await model.saveOrUpsert({ key: 'a', [name]: 'x', n: 1 });
    await model.saveOrUpsert({ key: 'a', [name]: 'y', n: 2 });
    expect(await model.collection.findOne({ key: 'a' })).toMatchObject({ fixed: 'x', n: 2 });
  },
);

it('middleware leaves an immutable path alone that it changes when modified, under strict "throw"', async () => {
  const model = await compile(
    { fixed: { type: String, immutable: true } },
    { strict: 'throw' },
    (schema) =>
      schema.pre('save', function (this: never) {
        const document = this as unknown as Doc & {
          isNew: boolean;
          isModified(path: string): boolean;
          $locals: Doc;
        };
        if (document.isModified('fixed')) document['fixed'] = `#${document['fixed'] as string}`;
        document.$locals['isNew'] = document.isNew;
      }),
  );
  await model.saveOrUpsert({ key: 'a', fixed: 'x' });
  await model.saveOrUpsert({ key: 'a', fixed: 'x' });
  expect(await model.collection.findOne({ key: 'a' })).toMatchObject({ fixed: '#x' });
});

it("post('save') of a subdocument sees the $locals that its pre('save') left", async () => {
  const seen: unknown[] = [];
  const sub = (name: string, _id: boolean) => {
    const schema = new Schema({ n: Number }, { _id });
    schema.pre('save', function () {
      this.$locals['name'] = `${name}${String(this.get('n'))}`;
    });
    schema.post('save', (document) => void seen.push(document.$locals['name']));
    return schema;
  };
  const model = await compile({
    one: sub('one', true),
    list: [sub('list', false)],
    map: { type: Map, of: sub('map', true) },
  });
  const input = { key: 'a', one: { n: 1 }, list: [{ n: 1 }, { n: 2 }], map: { k: { n: 1 } } };
  const writes = [
    () => model.saveOrUpsert(input),
    () => model.saveOrUpsertMany([{ ...input, key: 'b' }]),
  ];
  for (const write of writes) {
    await write();
    expect(seen.splice(0).sort()).toEqual(['list1', 'list2', 'map1', 'one1']);
  }
});

it('a new subdocument has the timestamps of its base where its discriminator holds others', async () => {
  const base = new Schema({ n: Number }, { timestamps: true });
  base.discriminator('Kind', new Schema({ inner: new Schema({}, { timestamps: true }) }));
  const model = await compile({ sub: base });
  await model.saveOrUpsert({ key: 'a', sub: { __t: 'Kind', n: 1, inner: {} } });
  const stored = await model.collection.findOne({ key: 'a' });
  expect(stored).toMatchObject({
    sub: { createdAt: expect.any(Date), updatedAt: expect.any(Date) },
  });
});
