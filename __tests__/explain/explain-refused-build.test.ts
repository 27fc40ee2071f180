import { Schema } from 'mongoose';
import { explainUniqueIndexError, uniqueGuard } from 'mongoose-unique-guard';
import { useDatabase } from '../support/database';
import { rejection, type AnyModel, type Doc } from '../support/writes';

const mongoose = useDatabase();

let models = 0;
function compile(schema: Schema): AnyModel {
  models += 1;
  const name = `Refused${String(models)}`;
  return mongoose.model(name, schema.plugin(uniqueGuard)) as unknown as AnyModel;
}

const withFilter = (partialFilterExpression: Doc): Schema =>
  new Schema({ email: String, deletedAt: Date, isDeleted: Boolean, name: String, n: Number }).index(
    { email: 1 },
    { unique: true, partialFilterExpression },
  ) as unknown as Schema;

const STORE =
  'Store what the expression computes in a path of its own, such as a Boolean, and filter by its value.';
const NULL = 'Write { deletedAt: null }, which also matches missing values.';

/** What was declared, what is not supported of it, and what to write. */
const REFUSED: [filter: Doc, what: string, instead: string][] = [
  [{ deletedAt: { $exists: false } }, '$exists: false on `deletedAt`', NULL],
  [{ deletedAt: { $not: { $exists: true } } }, '$not: {"$exists":true} on `deletedAt`', NULL],
  [
    { deletedAt: { $ne: null } },
    '$ne: null on `deletedAt`',
    "Write { deletedAt: { $type: 'date' } }.",
  ],
  [
    { deletedAt: { $not: { $eq: null } } },
    '$not: {"$eq":null} on `deletedAt`',
    "Write { deletedAt: { $type: 'date' } }.",
  ],
  [
    { name: { $not: { $exists: false } } },
    '$not: {"$exists":false} on `name`',
    "Write { name: { $type: 'string' } }.",
  ],
  [
    { isDeleted: { $ne: true } },
    '$ne: true on `isDeleted`',
    'Write { isDeleted: false }, with default: false on that path.',
  ],
  [{ name: { $ne: '' } }, '$ne: "" on `name`', "Write { name: { $gt: '' } }."],
  [{ name: { $ne: 'x' } }, '$ne: "x" on `name`', STORE],
  [{ name: { $nin: ['x'] } }, '$nin: ["x"] on `name`', STORE],
  [{ name: { $regex: 'x' } }, '$regex: "x" on `name`', STORE],
  [{ name: /x/ }, 'a regular expression on `name`', STORE],
  [{ n: { $mod: [2, 0] } }, '$mod: [2,0] on `n`', STORE],
  [{ n: { $not: { $gt: 5 } } }, '$not: {"$gt":5} on `n`', STORE],
  [{ tags: { $elemMatch: { a: 1 } } }, '$elemMatch: {"a":1} on `tags`', STORE],
  [{ tags: { $size: 2 } }, '$size: 2 on `tags`', STORE],
  [{ $nor: [{ n: 1 }] }, '$nor', STORE],
  [{ $expr: { $gt: ['$n', 1] } }, '$expr', STORE],
  [
    { n: 1, $and: [{ n: { $gt: 0 } }, { deletedAt: { $exists: false } }] },
    '$exists: false on `deletedAt`',
    NULL,
  ],
  [{ $or: [{ n: 1 }, { deletedAt: { $exists: false } }] }, '$exists: false on `deletedAt`', NULL],
];

describe('a partialFilterExpression that partial indexes do not support', () => {
  it.each(REFUSED)('%j', async (filter, what, instead) => {
    const model = compile(withFilter(filter));
    const error = await rejection(model.createIndexes());
    const sentence = `The index email_1 of ${model.modelName} cannot be built: partial indexes do not support ${what}. ${instead}`;
    expect(explainUniqueIndexError(error, model)).toBe(sentence);
    expect(explainUniqueIndexError(new Error('start-up failed', { cause: error }), model)).toBe(
      sentence,
    );
    // Without the model, the supported operators.
    expect(explainUniqueIndexError(error)).toMatch(
      /^The index email_1 cannot be built: .* Supported/,
    );
  });

  it('reaches the index event of autoIndex', async () => {
    const schema = withFilter({ deletedAt: { $exists: false } }).set('autoIndex', true);
    const model = compile(schema);
    const event = await new Promise((resolve) => model.once('index', resolve));
    expect(explainUniqueIndexError(event, model)).toContain(NULL);
    await model.init().catch(() => undefined);
  });

  it.each<Doc>([
    { deletedAt: null },
    { n: { $gt: 1, $lt: 9 } },
    { name: { $type: 'string', $exists: true } },
    { $or: [{ n: 1 }, { n: 2 }] },
    { n: { $in: [1, 2] } },
    { $and: [{ n: { $eq: 1 } }], $comment: 'why' },
    { name: { given: 'x' } },
  ])('is not one that the server builds: %j', async (filter) => {
    const model = compile(withFilter(filter));
    await model.createIndexes();
    const error = { code: 67, message: 'Expression not supported in partial index: $not' };
    expect(explainUniqueIndexError(error, model)).toMatch(/^An index cannot be built: its partial/);
  });

  it.each<[Doc, string]>([
    [{ $or: [{ n: 1 }, { n: 2 }] }, '$or'],
    [{ n: { $in: [1, 2] } }, '$in on `n`'],
  ])('on a server before MongoDB 6.0: %j', (filter, what) => {
    const model = compile(withFilter(filter));
    const message = 'unsupported expression in partial index: $or\n    n $eq 1\n    n $eq 2\n';
    expect(explainUniqueIndexError({ code: 67, message }, model)).toBe(
      `The index email_1 of ${model.modelName} cannot be built: partial indexes do not support ${what}. ` +
        'Use MongoDB 6.0 or later, or declare one index for each alternative.',
    );
  });

  it('is not found in a filter whose $and is no array', () => {
    const message = 'unsupported expression in partial index: $not';
    const model = compile(withFilter({ $and: 5 } as never));
    expect(explainUniqueIndexError({ code: 67, message }, model)).toMatch(
      /^An index cannot be built: its partial/,
    );
  });

  it('in an index that no schema declares, by the name that the server reports', () => {
    const message =
      'Error in specification { name: "old" } :: caused by :: Expression not supported in partial index: $not';
    for (const model of [undefined, compile(withFilter({ n: 1 }))]) {
      expect(explainUniqueIndexError({ code: 67, message }, model)).toMatch(
        /^The index old cannot be built: its partial/,
      );
    }
  });

  it('in the index that the server names, of several', () => {
    const schema = withFilter({ n: { $ne: 1 } }).index(
      { name: 1 },
      { name: 'other', partialFilterExpression: { deletedAt: { $exists: false } } },
    );
    const message =
      'Error in specification { name: "other" } :: caused by :: Expression not supported in partial index: $not';
    expect(explainUniqueIndexError({ code: 67, message }, compile(schema))).toMatch(
      /^The index other of/,
    );
  });
});

const email = (options: Doc = {}): Schema =>
  new Schema({ email: String }).index(
    { email: 1 },
    { unique: true, ...options },
  ) as unknown as Schema;

describe('an index that another one blocks', () => {
  it.each<[string, Doc, Doc, Doc, string]>([
    [
      'that is not unique',
      { email: 1 },
      {},
      {},
      'has an index of that name with other keys or options (declared unique: true, not none)',
    ],
    [
      'on other keys',
      { name: -1, x: 1 },
      { name: 'email_1' },
      {},
      '(declared unique: true, not none; key: { email: 1 }, not { name: -1, x: 1 })',
    ],
    [
      'without sparse',
      { email: 1 },
      { unique: true },
      { sparse: true },
      '(declared sparse: true, not none)',
    ],
    [
      'with sparse',
      { email: 1 },
      { unique: true, sparse: true },
      {},
      '(declared sparse: none, not true)',
    ],
    [
      'with another filter',
      { email: 1 },
      { unique: true, partialFilterExpression: { a: { $in: [1, 2] } } },
      { partialFilterExpression: { a: 1 } },
      '(declared partialFilterExpression: { a: 1 }, not { a: { $in: [ 1, 2 ] } })',
    ],
  ])('%s', async (_, key, existing, declared, part) => {
    const model = compile(email(declared));
    await model.collection.createIndexes([{ key, ...existing }] as never);
    const error = await rejection(model.createIndexes());
    expect(error).toHaveProperty('code', 86);
    const sentence = explainUniqueIndexError(error, model);
    expect(sentence).toContain(`The index email_1 of ${model.modelName} cannot be built`);
    expect(sentence).toContain(part);
    expect(sentence).toContain(
      `Replace it: await ${model.modelName}.collection.dropIndex('email_1'); await ${model.modelName}.createIndexes()`,
    );
    expect(sentence?.includes('collMod')).toBe(!('unique' in existing) && !('name' in existing));
    // The two commands are what fixes it.
    await model.collection.dropIndex('email_1');
    await model.createIndexes();
    expect(explainUniqueIndexError(error)).toContain("await Model.collection.dropIndex('email_1')");
  });

  it('under another name', async () => {
    const model = compile(email());
    await model.collection.createIndexes([{ key: { email: 1 }, unique: true, name: 'mail' }]);
    const error = await rejection(model.createIndexes());
    expect(error).toHaveProperty('code', 85);
    expect(explainUniqueIndexError(error, model)).toBe(
      'An index cannot be built: the collection has one on the same keys, named mail. Give the declared index ' +
        "that name if their options are the same (name: 'mail'); otherwise await " +
        `${model.modelName}.collection.dropIndex('mail'); await ${model.modelName}.createIndexes().`,
    );
  });

  it.each([
    ['Index with name: email_1 already exists with different options', "'email_1'"],
    ['Index with name: a b already exists with a different key', "'a b'"],
    ['Index options conflict', 'name'],
  ])('by the words of MongoDB 4.4: %s', (message, name) => {
    const sentence = explainUniqueIndexError({ code: 85, message }, compile(email()));
    expect(sentence).toContain(`dropIndex(${name})`);
    expect(sentence).not.toContain('declared');
  });
});
