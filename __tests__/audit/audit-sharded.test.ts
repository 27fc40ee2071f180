/**
 * The audit on a sharded cluster, of which there is none here: `hello` and the cluster's list of
 * collections answer as a mongos was recorded to answer, everything else is the replica set's.
 */
import { Schema } from 'mongoose';
import {
  explainUniqueIndexError,
  formatAudit,
  uniqueGuard,
  type AuditedIndex,
} from 'mongoose-unique-guard';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase();

let models = 0;
function compile(keyPattern: Doc, options: object = {}): AnyModel {
  models += 1;
  const schema = new Schema({}, { strict: false, autoCreate: false, ...options } as never);
  schema.index(keyPattern as never, { unique: true }).plugin(uniqueGuard);
  return mongoose.model(`Sharded${String(models)}`, schema) as unknown as AnyModel;
}

interface Cluster {
  hello?: Doc;
  /** The entry of the collection in `config.collections`, or the error of reading it. */
  entry: Doc | null | Error;
}

const MONGOS = { isWritablePrimary: true, msg: 'isdbgrid', maxWireVersion: 17 };
const asked: unknown[] = [];

function stub({ hello = MONGOS, entry }: Cluster): void {
  const { db } = mongoose.connection as unknown as { db: { command(one: Doc): Promise<Doc> } };
  const send = db.command.bind(db);
  jest
    .spyOn(db, 'command')
    .mockImplementation((one) => ('hello' in one ? Promise.resolve(hello) : send(one)));
  const client = mongoose.connection.getClient();
  const findDb = client.db.bind(client);
  jest.spyOn(client, 'db').mockImplementation((name, ...rest) => {
    if (name !== 'config') return findDb(name, ...rest);
    const findOne = (filter: unknown) => {
      asked.push(filter);
      return entry instanceof Error ? Promise.reject(entry) : Promise.resolve(entry);
    };
    return { collection: () => ({ findOne }) } as never;
  });
}

beforeEach(() => asked.splice(0));
afterEach(() => jest.restoreAllMocks());

async function audit(model: AnyModel): Promise<AuditedIndex> {
  const { indexes } = await model.auditUniqueIndexes();
  expect(indexes).toHaveLength(1);
  return indexes[0] as AuditedIndex;
}

/** As MongoDB 4.2 and 8.0 list a collection. */
const listed = (key: Doc, more: Doc = {}) => ({ lastmodEpoch: 1, dropped: false, key, ...more });
const unauthorized = () =>
  Object.assign(new Error('not authorized on config to execute command'), { code: 13 });

describe('a unique index that does not begin with the shard key cannot be built', () => {
  it.each<[string, Doc, Doc, string]>([
    ['another path', { email: 1 }, { tenant: 1 }, '{ tenant: 1, email: 1 }'],
    ['the shard key last', { email: 1, tenant: 1 }, { tenant: 1 }, '{ tenant: 1, email: 1 }'],
    ['a hashed _id', { email: 1 }, { _id: 'hashed' }, '{ _id: 1, email: 1 }'],
    ['a part of it', { a: 1, c: 1 }, { a: 1, b: 1 }, '{ a: 1, b: 1, c: 1 }'],
    ['another order', { b: 1, a: 1 }, { a: 1, b: 1 }, '{ a: 1, b: 1 }'],
    ['the object above it', { place: 1 }, { 'place.city': 1 }, '{ place.city: 1, place: 1 }'],
  ])('%s', async (_, keyPattern, key, instead) => {
    const model = compile(keyPattern);
    const { name } = model.collection;
    stub({ entry: listed(key) });
    const { status, obstacle, blocking } = await audit(model);
    expect(status).toBe('cannot be built');
    expect(obstacle).toMatch(
      /^The index \S+ of Sharded\d+ cannot be built: the collection is sharded by /,
    );
    expect(obstacle).toContain(`must begin with the shard key. Declare ${instead} if`);
    // What its documents hold is reported as well.
    expect(blocking).toEqual({ keys: 0, documents: 0, groups: [] });
    expect(asked).toEqual([{ _id: `${mongoose.connection.name}.${name}` }]);
    const report = await model.auditUniqueIndexes();
    expect(formatAudit(report)).toContain(String(obstacle));
    expect(report.ok).toBe(false);
  });

  it('reports the shard key of the cluster, even if the schema declares none', async () => {
    const model = compile({ email: 1 }, { shardKey: { email: 1 } });
    stub({ entry: listed({ tenant: 1 }) });
    expect((await audit(model)).obstacle).toContain('is sharded by { tenant: 1 }');
  });

  it("uses the shard key of the schema if the client may not read the cluster's list of collections", async () => {
    stub({ entry: unauthorized() });
    const declared = await audit(compile({ email: 1 }, { shardKey: { tenant: 1 } }));
    expect(declared.obstacle).toContain('is sharded by { tenant: 1 }');
    expect((await audit(compile({ email: 1 }))).status).toBe('missing');
  });
});

describe('a unique index can be built', () => {
  it.each<[string, Doc, Cluster]>([
    ['it begins with the shard key', { tenant: 1, email: 1 }, { entry: listed({ tenant: 1 }) }],
    ['it is the shard key', { tenant: -1 }, { entry: listed({ tenant: 1 }) }],
    ['it begins with the path of a hashed key', { a: 1, b: 1 }, { entry: listed({ a: 'hashed' }) }],
    ['the collection is not sharded', { email: 1 }, { entry: null }],
    [
      'the collection was dropped',
      { email: 1 },
      { entry: listed({ tenant: 1 }, { dropped: true }) },
    ],
    [
      'the collection is on one shard',
      { email: 1 },
      { entry: listed({ _id: 1 }, { unsplittable: true }) },
    ],
  ])('%s', async (_, keyPattern, cluster) => {
    stub(cluster);
    const { status, obstacle } = await audit(compile(keyPattern));
    expect([status, obstacle]).toEqual(['missing', undefined]);
    expect(asked).toHaveLength(1);
  });

  it.each([{ setName: 'rs', maxWireVersion: 17 }, { maxWireVersion: 17 }, {}])(
    'the server is no mongos: %j',
    async (hello) => {
      stub({ hello, entry: listed({ tenant: 1 }) });
      const model = compile({ email: 1 }, { shardKey: { tenant: 1 } });
      expect((await audit(model)).status).toBe('missing');
      expect(asked).toEqual([]);
    },
  );

  it('sends no query about the shard key for an index that exists', async () => {
    const model = compile({ email: 1 });
    await model.createIndexes();
    stub({ entry: listed({ tenant: 1 }) });
    expect((await audit(model)).status).toBe('ok');
    expect(asked).toEqual([]);
  });
});

it('a lost connection rejects', async () => {
  const lost = new Error('connection 1 to 127.0.0.1:27017 closed');
  stub({ entry: lost });
  expect(await rejection(compile({ email: 1 }).auditUniqueIndexes())).toBe(lost);
});

describe("explainUniqueIndexError explains the server's own error", () => {
  const refused = (over: string, pattern: string) =>
    Object.assign(
      new Error(`cannot create unique index over ${over} with shard key pattern ${pattern}`),
      { code: 67, codeName: 'CannotCreateIndex' },
    );

  it.each<[string, string, Doc, Doc]>([
    ['{ email: 1.0 }', '{ tenant: 1.0 }', { email: 1 }, { tenant: 1 }],
    ['{ email: 1 }', '{ _id: "hashed" }', { email: 1 }, { _id: 'hashed' }],
    ['{ a: 1, c: -1 }', '{ a: 1, b: "hashed" }', { a: 1, c: -1 }, { a: 1, b: 'hashed' }],
  ])('on %s, sharded by %s, as the audit does', async (over, pattern, keyPattern, key) => {
    const model = compile(keyPattern);
    stub({ entry: listed(key) });
    const { obstacle } = await audit(model);
    expect(obstacle).toBeDefined();
    expect(explainUniqueIndexError(refused(over, pattern), model)).toBe(obstacle);
    const wrapped = new Error('startup failed', { cause: refused(over, pattern) });
    expect(explainUniqueIndexError(wrapped, model)).toBe(obstacle);
  });

  it('without a model, or for an index that the model does not declare', () => {
    const error = refused('{ email: 1.0 }', '{ tenant: 1.0 }');
    const sentence = 'cannot be built: the collection is sharded by { tenant: 1 }';
    expect(explainUniqueIndexError(error)).toMatch(`An index ${sentence}`);
    const model = compile({ slug: 1 });
    expect(explainUniqueIndexError(error, model)).toMatch(
      `An index of ${model.modelName} ${sentence}`,
    );
  });

  it.each(['cannot create unique index over { a: 1 }', ' with shard key pattern { a: 1 }', ''])(
    'another error of that code is left alone: %j',
    (message) => {
      const error = Object.assign(new Error(message), { code: 67 });
      expect(explainUniqueIndexError(error)).toBeUndefined();
    },
  );
});
