/** The duplicates that no user caused: from a schema to the sentence, by each way that leads to it. */
import { rmSync } from 'node:fs';
import type * as MongooseModule from 'mongoose';
import { explainUniqueIndexError, formatAudit, uniqueGuard } from 'mongoose-unique-guard';
import { makeWorkplace, type Workplace } from '../support/command';
import { testUri, useDatabase } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase();
let place: Workplace;
beforeAll(() => {
  place = makeWorkplace();
});
afterAll(() => {
  rmSync(place.directory, { recursive: true });
});

type Define = (
  mongoose: Pick<typeof MongooseModule, 'model' | 'Schema'>,
  plugin: typeof uniqueGuard,
) => unknown;

interface Cause {
  /** Runs here, and as the models file of the command. */
  define: Define;
  /** The state of the collection before the write or the build. */
  before: (model: AnyModel) => Promise<unknown>;
  /** What fails, although no user made a mistake. */
  fails: (model: AnyModel) => Promise<unknown>;
  /** The whole sentence. */
  sentence: string;
  /** How the collection gets to the state that the audit is about. Default: it is there. */
  until?: (model: AnyModel) => Promise<unknown>;
  /** Parts of the report of the audit. */
  audit: string[];
}

const build = (model: AnyModel, key: Doc, options: Doc = { unique: true }) =>
  model.collection.createIndexes([{ key, ...options }] as never);

/** Duplicates come in while the unique index is missing. */
const without =
  (index: string, ...documents: Doc[]) =>
  async (model: AnyModel) => {
    await model.collection.dropIndex(index);
    await model.collection.insertMany(documents as never);
  };

const CAUSES: Record<string, Cause> = {
  'an index left over from a renamed path': {
    define: ({ model, Schema }, plugin) =>
      model('Renamed', new Schema({ tenant: String }).plugin(plugin)),
    before: async (model) => {
      await build(model, { tenantId: 1 });
      await model.create({ tenant: 'a' });
    },
    fails: (model) => model.create({ tenant: 'b' }),
    sentence:
      'The unique index tenantId_1 of Renamed is on `tenantId`, a path that the schema does not have, so each ' +
      'new document counts as null there, and the second one fails. If no code writes that path any more, drop ' +
      'the index, which gives up its protection of the values that are stored: ' +
      "await Renamed.collection.dropIndex('tenantId_1'), or in mongosh " +
      "db.getCollection('renameds').dropIndex('tenantId_1').",
    audit: [
      'tenantId_1  { tenantId: 1 }  leftover',
      'so each new document counts as null there, and the second one fails.',
      '0 documents have a value there.',
      'any more, drop the index: await Renamed.collection.dropIndex("tenantId_1"), or in mongosh',
      'Otherwise: add "tenantId" to the schema, and declare the index',
    ],
  },
  'a unique path that is optional': {
    define: ({ model, Schema }, plugin) =>
      model('Optional', new Schema({ username: { type: String, unique: true } }).plugin(plugin)),
    before: (model) => model.create({}),
    fails: (model) => model.create({}),
    sentence:
      'The unique index username_1 of Optional counts a missing value as null, so the second document without ' +
      '`username` fails. Make the path required, or index only documents with a value: ' +
      "partialFilterExpression: { username: { $type: 'string' } }.",
    until: without('username_1', {}),
    audit: [
      'missing, blocked by 1 key in 2 documents',
      'Missing values count as null. Give these documents a value and make the path required, or index only ' +
        'documents with a value: ' +
        "partialFilterExpression: { username: { $type: 'string' } }.",
    ],
  },
  'a unique path that is optional and sparse, with a stored null': {
    define: ({ model, Schema }, plugin) =>
      model(
        'Sparse',
        new Schema({ username: { type: String, unique: true, sparse: true } }).plugin(plugin),
      ),
    before: (model) => model.create({ username: null }),
    fails: (model) => model.create({ username: null }),
    sentence:
      'The unique index username_1 of Sparse counts a missing value as null, so the second document without ' +
      '`username` fails. Make the path required, or index only documents with a value: ' +
      "partialFilterExpression: { username: { $type: 'string' } } (sparse does not leave out a stored null).",
    until: without('username_1', { username: null }),
    audit: ['(sparse does not leave out a stored null).'],
  },
  'a unique path inside an array of subdocuments that is empty': {
    define: ({ model, Schema }, plugin) =>
      model(
        'Contacts',
        new Schema({ contacts: [{ email: { type: String, unique: true } }] }).plugin(plugin),
      ),
    before: (model) => model.create({ contacts: [] }),
    fails: (model) => model.create({ contacts: [] }),
    sentence:
      'The unique index contacts.email_1 of Contacts counts a missing value as null, so the second document ' +
      'without `contacts.email` fails. An empty array counts as well, which required does not prevent. Index ' +
      "only documents with a value: partialFilterExpression: { 'contacts.email': { $type: 'string' } }.",
    until: without('contacts.email_1', { contacts: [] }),
    audit: [
      'missing, blocked by 1 key in 2 documents',
      'An empty array counts as well, which required does not prevent. Index only documents with a value: ' +
        "partialFilterExpression: { 'contacts.email': { $type: 'string' } }.",
    ],
  },
  'a unique path of a discriminator, declared on the base': {
    define: ({ model, Schema }, plugin) => {
      const schema = new Schema({ name: String }, { discriminatorKey: 'kind' });
      const Base = model('Person', schema.index({ badge: 1 }, { unique: true }).plugin(plugin));
      Base.discriminator('Staff', new Schema({ badge: String }));
      Base.discriminator('Guest', new Schema({ from: String }));
      return Base;
    },
    before: (model) => model.create({ kind: 'Guest' }),
    fails: (model) => model.insertMany([{ kind: 'Guest' }]),
    sentence:
      'The unique index badge_1 of Person is on `badge`, a path that only documents of Staff have, so each ' +
      'document of another kind counts as null there, and the second one fails. Declare the index on the schema ' +
      'of the discriminator Staff: Mongoose then builds it with partialFilterExpression: ' +
      "{ kind: 'Staff' }.",
    until: without('badge_1', { kind: 'Guest' }),
    audit: [
      'missing, blocked by 1 key in 2 documents',
      'Declare the index on the schema of the discriminator Staff',
    ],
  },
  'a partialFilterExpression that partial indexes do not support': {
    define: ({ model, Schema }, plugin) =>
      model(
        'Deletable',
        new Schema({ email: String, deletedAt: Date })
          .index(
            { email: 1 },
            { unique: true, partialFilterExpression: { deletedAt: { $exists: false } } },
          )
          .plugin(plugin),
      ),
    before: (model) => model.createCollection(),
    fails: (model) => model.createIndexes(),
    sentence:
      'The index email_1 of Deletable cannot be built: partial indexes do not support $exists: false on ' +
      '`deletedAt`. Write { deletedAt: null }, which also matches missing values.',
    audit: ['cannot be built', 'Write { deletedAt: null }, which also matches missing values.'],
  },
  'an index of the same name with other options': {
    define: ({ model, Schema }, plugin) =>
      model('Plain', new Schema({ email: { type: String, unique: true } }).plugin(plugin)),
    before: (model) => build(model, { email: 1 }, {}),
    fails: (model) => model.createIndexes(),
    sentence:
      'The index email_1 of Plain cannot be built: the collection has an index of that name with other keys or ' +
      "options (declared unique: true, not none). Replace it: await Plain.collection.dropIndex('email_1'); " +
      'await Plain.createIndexes(); MongoDB 6.0 and later also convert it in place (collMod with prepareUnique, ' +
      'then unique).',
    audit: ['cannot be built', "await Plain.collection.dropIndex('email_1')"],
  },
  'a document that is marked as deleted and keeps its key': {
    define: ({ model, Schema }, plugin) =>
      model(
        'Member',
        new Schema({ email: { type: String, unique: true }, deletedAt: Date }).plugin(plugin),
      ),
    before: (model) => model.create({ email: 'a@x', deletedAt: new Date(0) }),
    fails: (model) => model.create({ email: 'a@x' }),
    sentence:
      'The unique index email_1 of Member refused a second document with the same value of `email`. Documents ' +
      'that are marked as deleted by `deletedAt` count, too; to exclude them, index live ones only: ' +
      'partialFilterExpression: { deletedAt: null }, with default: null on that path.',
    until: without('email_1', { email: 'a@x' }),
    audit: [
      'missing, blocked by 1 key in 2 documents',
      'partialFilterExpression: { deletedAt: null }, with default: null on that path.',
    ],
  },
};

describe.each(Object.entries(CAUSES))('%s', (title, cause) => {
  it('is explained to the caller, by the audit and on the command line', async () => {
    const model = cause.define(
      { model: mongoose.model.bind(mongoose), Schema: mongoose.Schema },
      uniqueGuard,
    ) as AnyModel;
    await model.createCollection();
    if (!cause.audit.includes('cannot be built')) await model.createIndexes();
    await cause.before(model);
    const error = (await rejection(cause.fails(model))) as Error & { cause?: Error };
    expect(explainUniqueIndexError(error, model)).toBe(cause.sentence);

    await cause.until?.(model);
    const report = formatAudit(await model.auditUniqueIndexes());
    for (const part of cause.audit) expect(report).toContain(part);

    const models = place.write(
      `${title.replaceAll(/\W+/g, '-')}.js`,
      `(${String(cause.define)})(require('mongoose'), require('mongoose-unique-guard').uniqueGuard);`,
    );
    const line = `ERROR MongoServerError: ${(error.cause ?? error).message}\n    at x (y.js:1:1)\n`;
    const [explained, audited] = await Promise.all([
      place.run(['explain', '--models', models], { input: line }),
      place.run(['audit', '--models', models, '--uri', testUri(mongoose.connection.name)]),
    ]);
    expect(explained).toEqual({ code: 0, stdout: `${cause.sentence}\n`, stderr: '' });
    expect(audited.stdout).toBe(`${report}\n`);
    // A leftover index alone is a warning.
    expect(audited.code).toBe(report.includes('leftover') ? 0 : 1);
  });
});
