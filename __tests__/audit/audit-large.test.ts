/** A collection of a size at which an audit that reads documents into the client would be noticed. */
import { Schema } from 'mongoose';
import { formatAudit, uniqueGuard } from 'mongoose-unique-guard';
import { testUri, useDatabase } from '../support/database';
import type { AnyModel, Doc } from '../support/writes';

const mongoose = useDatabase();

const DOCUMENTS = 200_000;
const GROUP_MEMORY = 'internalDocumentSourceGroupMaxMemoryBytes';

let model: AnyModel;
/** The same collection, with indexes on a tenth of it that take more room in the server. */
let ofTenant: AnyModel;
const sent: { name: string; command: Doc; bytes: number }[] = [];

beforeAll(async () => {
  const monitored = await mongoose
    .createConnection(testUri(mongoose.connection.name), { monitorCommands: true })
    .asPromise();
  const options = { strict: false, autoCreate: false } as const;
  const email = new Schema({}, options).index({ email: 1 }, { unique: true });
  model = monitored.model('Large', email.plugin(uniqueGuard)) as unknown as AnyModel;
  const partial = { unique: true, partialFilterExpression: { tenant: 0 } } as const;
  const wide = new Schema({}, options)
    .index({ tags: 1 }, partial)
    .index({ tenant: 1, 'items.sku': 1 }, partial);
  const { name } = model.collection;
  ofTenant = monitored.model('Wide', wide.plugin(uniqueGuard), name) as unknown as AnyModel;
  // The last 20 have the e-mail address of one before, 1000 share a tag, no two an item.
  await mongoose.connection.db
    ?.aggregate([
      { $documents: [{}] },
      { $project: { i: { $range: [0, DOCUMENTS] } } },
      { $unwind: '$i' },
      {
        $project: {
          _id: '$i',
          email: { $concat: [{ $toString: { $mod: ['$i', DOCUMENTS - 20] } }, '@example.com'] },
          tags: ['$i', { $cond: [{ $lt: ['$i', 1000] }, 'shared', { $toString: '$i' }] }],
          tenant: { $mod: ['$i', 10] },
          items: [{ sku: '$i' }],
          filling: { $literal: 'x'.repeat(200) },
        },
      },
      { $out: model.collection.name },
    ])
    .toArray();
  const started = new Map<number, Doc>();
  const client = monitored.getClient();
  client.on('commandStarted', ({ requestId, command }) => started.set(requestId, command as Doc));
  client.on('commandSucceeded', ({ requestId, commandName: name, reply }) => {
    const bytes = mongoose.mongo.BSON.calculateObjectSize(reply as Doc);
    sent.push({ name, command: started.get(requestId) ?? {}, bytes });
  });
}, 60_000);
afterAll(() => model.db.close());

it('is aggregated on the server: the client receives only the report', async () => {
  sent.length = 0;
  const start = Date.now();
  const audit = await model.auditUniqueIndexes();
  expect(audit.indexes).toMatchObject([{ blocking: { keys: 20, documents: 40 } }]);
  expect(audit.indexes[0]?.blocking?.groups).toHaveLength(10);
  expect(formatAudit(audit)).toContain('blocked by 20 keys in 40 documents');
  // All answers together: nothing grows with the collection.
  expect(sent.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThan(10_000);
  expect(sent.map(({ name }) => name)).toEqual([
    'listIndexes',
    'hello',
    'aggregate',
    'hello',
    'aggregate',
  ]);
  expect(Date.now() - start).toBeLessThan(25_000);
}, 60_000);

it("uses the server's disk for what does not fit into its memory", async () => {
  // For the whole server, and left so: the same test on the other Mongoose may run beside this one.
  const admin = mongoose.connection.getClient().db('admin');
  await admin.command({ setParameter: 1, [GROUP_MEMORY]: 4_000_000 });
  sent.length = 0;
  const audit = await ofTenant.auditUniqueIndexes({ sample: 2 });
  expect(audit.indexes.map(({ blocking }) => blocking)).toEqual([
    {
      keys: 1,
      documents: 100,
      groups: [{ key: { tags: 'shared' }, count: 100, ids: [0, 10] }],
    },
    { keys: 0, documents: 0, groups: [] },
  ]);
  const [totals] = sent.filter(({ name }) => name === 'aggregate');
  expect(totals?.command).toMatchObject({ allowDiskUse: true });
  const pipeline = totals?.command['pipeline'] as Doc[];
  const collection = mongoose.connection.collection(model.collection.name);
  await expect(
    collection.aggregate(pipeline, { allowDiskUse: false }).toArray(),
  ).rejects.toMatchObject({ codeName: 'QueryExceededMemoryLimitNoDiskUseAllowed' });
}, 60_000);
