import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Schema } from 'mongoose';
import {
  formatAudit,
  uniqueGuard,
  type AuditedIndex,
  type LeftoverIndex,
  type UniqueIndexAudit,
} from 'mongoose-unique-guard';
import { useDatabase } from '../support/database';

const mongoose = useDatabase();

const email: AuditedIndex = { name: 'email_1', keyPattern: { email: 1 }, status: 'ok' };
const blocking = {
  keys: 1,
  documents: 2,
  groups: [
    { key: { email: 'a@x' } as Record<string, unknown>, count: 2, ids: [1, 2] as unknown[] },
  ],
};
const audit = (
  indexes: AuditedIndex[],
  more: Partial<UniqueIndexAudit> = {},
): UniqueIndexAudit => ({
  model: 'User',
  collection: 'users',
  ok: indexes.every(({ status }) => status === 'ok'),
  indexes,
  undeclared: [],
  leftover: [],
  ...more,
});
const decide =
  '      Next: decide for each key which document keeps it, and merge, change or delete the others.';

describe('a formatted report', () => {
  it.each<[string, AuditedIndex, string[]]>([
    ['one that exists', email, ['  email_1  { email: 1 }  ok']],
    [
      'one that is missing',
      { ...email, status: 'missing', blocking: { keys: 0, documents: 0, groups: [] } },
      ['  email_1  { email: 1 }  missing', '      Next: await User.createIndexes().'],
    ],
    [
      'one that is blocked',
      { ...email, status: 'missing', blocking },
      [
        '  email_1  { email: 1 }  missing, blocked by 1 key in 2 documents',
        '      { email: "a@x" } in 2 documents: 1, 2',
        decide,
        '      Then: await User.createIndexes().',
      ],
    ],
    [
      'one that is blocked by more than is listed',
      {
        ...email,
        status: 'missing',
        blocking: {
          ...blocking,
          keys: 7,
          documents: 20,
          groups: [{ key: { email: 'a' }, count: 9, ids: [1, 'x'] }],
        },
      },
      [
        '  email_1  { email: 1 }  missing, blocked by 7 keys in 20 documents',
        '      { email: "a" } in 9 documents: 1, "x", … 7 more',
        '      … 6 more keys',
        decide,
        '      Then: await User.createIndexes().',
      ],
    ],
    [
      'one that is blocked by documents without the path',
      {
        ...email,
        status: 'missing',
        blocking: { ...blocking, groups: [{ key: { email: null }, count: 2, ids: [1, 2] }] },
        missingValues: 'Make the path required.',
      },
      [
        '  email_1  { email: 1 }  missing, blocked by 1 key in 2 documents',
        '      { email: null } in 2 documents: 1, 2',
        '      Missing values count as null. Make the path required.',
        '      Next: await User.createIndexes().',
      ],
    ],
    [
      'one that is blocked by documents without the path, and by others',
      {
        ...email,
        status: 'missing',
        blocking: {
          keys: 2,
          documents: 4,
          groups: [...blocking.groups, { key: { email: null }, count: 2, ids: [3, 4] }],
        },
        missingValues: 'Make the path required.',
      },
      [
        '  email_1  { email: 1 }  missing, blocked by 2 keys in 4 documents',
        '      { email: "a@x" } in 2 documents: 1, 2',
        '      { email: null } in 2 documents: 3, 4',
        '      Missing values count as null. Make the path required.',
        decide,
        '      Then: await User.createIndexes().',
      ],
    ],
    [
      'one that the server refuses to build',
      { ...email, status: 'cannot be built', obstacle: 'Why, and what to do.', blocking },
      [
        '  email_1  { email: 1 }  cannot be built, blocked by 1 key in 2 documents',
        '      Why, and what to do.',
        '      { email: "a@x" } in 2 documents: 1, 2',
        decide,
        '      Then: follow the advice above, and audit again.',
      ],
    ],
    ...([{ sparse: true }, { partialFilterExpression: { n: 1 } }] as Partial<AuditedIndex>[]).map(
      (option): [string, AuditedIndex, string[]] => [
        `one that leaves documents out already, by ${Object.keys(option).join()}`,
        {
          ...email,
          ...option,
          status: 'missing',
          blocking: { ...blocking, groups: [{ key: { email: null }, count: 2, ids: [1, 2] }] },
        },
        [
          '  email_1  { email: 1 }  missing, blocked by 1 key in 2 documents',
          '      { email: null } in 2 documents: 1, 2',
          decide,
          '      Then: await User.createIndexes().',
        ],
      ],
    ),
    [
      'one whose values are hidden',
      {
        ...email,
        keyPattern: { email: 1, t: 1 },
        status: 'missing',
        blocking: { ...blocking, groups: [{ key: { t: 5 }, count: 2, ids: [] }] },
      },
      [
        '  email_1  { email: 1, t: 1 }  missing, blocked by 1 key in 2 documents',
        '      { email: (hidden), t: 5 } in 2 documents: , … 2 more',
        decide,
        '      Then: await User.createIndexes().',
      ],
    ],
    [
      'one with documents that no index can hold',
      {
        ...email,
        status: 'missing',
        blocking: { keys: 0, documents: 0, groups: [], unindexable: 3 },
      },
      [
        '  email_1  { email: 1 }  missing, blocked by 3 documents with two arrays',
        '      Next: change these documents: at most one path of the index may hold an array.',
        '      Then: await User.createIndexes().',
      ],
    ],
    [
      'one that is not unique',
      { ...email, status: 'not unique', blocking },
      [
        '  email_1  { email: 1 }  not unique, blocked by 1 key in 2 documents',
        '      { email: "a@x" } in 2 documents: 1, 2',
        decide,
        '      Then: replace the index email_1, which prevents no duplicates, by the unique one (MongoDB 6.0 ' +
          'and later convert it in place: collMod with prepareUnique, then unique).',
      ],
    ],
    [
      'one of another name',
      {
        ...email,
        status: 'different',
        differences: [{ option: 'name', declared: 'email_1', actual: 'mail' }],
      },
      [
        '  email_1  { email: 1 }  different',
        '      name: the schema says "email_1", the database "mail"',
        '      Next: give the schema\'s index the name it has: name: "mail".',
      ],
    ],
    [
      'one with other options',
      {
        ...email,
        status: 'different',
        differences: [
          { option: 'sparse', declared: undefined, actual: true },
          { option: 'collation', declared: { locale: 'en', strength: 2 }, actual: undefined },
        ],
        blocking: { keys: 0, documents: 0, groups: [] },
      },
      [
        '  email_1  { email: 1 }  different',
        '      sparse: the schema says none, the database true',
        '      collation: the schema says { locale: "en", strength: 2 }, the database none',
        '      Next: where the database is right, change the schema; where the schema is right, give its ' +
          'index a name of its own and await User.createIndexes(), while the other still prevents duplicates.',
      ],
    ],
    [
      'one that is being built',
      { ...email, status: 'building' },
      [
        '  email_1  { email: 1 }  building',
        '      Next: wait, and audit again. Until it is built, nothing prevents duplicates.',
      ],
    ],
    [
      'one that was not examined',
      { ...email, status: 'missing', notExamined: 'users is a view' },
      [
        '  email_1  { email: 1 }  missing, not examined',
        '      users is a view.',
        '      Next: see whether the server can build it.',
      ],
    ],
  ])('%s', (_, index, lines) => {
    const summary =
      index.status === 'ok'
        ? 'The 1 unique index is as declared.'
        : '1 of 1 unique index not as declared.';
    expect(formatAudit(audit([index])).split('\n')).toEqual([
      'User (collection users)',
      ...lines,
      '',
      summary,
    ]);
    // What a report says is the same after it was stored.
    const stored = JSON.parse(JSON.stringify(audit([index]))) as UniqueIndexAudit;
    expect(formatAudit(stored)).toBe(formatAudit(audit([index])));
    expect(formatAudit(audit([index]))).not.toMatch(/drop/i);
  });

  it('of an index that only the database has', () => {
    const undeclared = [{ name: 'x_1', keyPattern: { x: 1 } }];
    expect(formatAudit(audit([email], { undeclared })).split('\n')).toEqual([
      'User (collection users)',
      '  email_1  { email: 1 }  ok',
      '  x_1      { x: 1 }      undeclared',
      '      Next: declare it, so that errors of bulk writes are explained: schema.index({ x: 1 }, ' +
        '{ unique: true, name: "x_1" }).',
      '',
      'The 1 unique index is as declared.',
    ]);
  });

  it.each([
    [{}, 'so each new document counts as null there, and the second one fails.', 1],
    [{ sparse: true }, 'the index contains new documents only if its options select them.', 3],
    [
      { partialFilterExpression: { a: 1 } },
      'the index contains new documents only if its options select them.',
      0,
    ],
  ])('of a leftover index: %j', (options, effect, documents) => {
    const keyPattern = { old: 1, older: -1 };
    const leftover = [
      { name: 'x_1', keyPattern, absentPaths: ['old', 'older'], documents, ...options },
    ] as LeftoverIndex[];
    const lines = formatAudit(audit([email], { leftover })).split('\n');
    expect(lines[2]).toBe('  x_1      { old: 1, older: -1 }  leftover');
    expect(lines[3]).toContain('      The schema does not have "old", "older"');
    expect(lines[3]).toContain(effect);
    expect(lines.slice(4)).toEqual([
      `      ${documents} ${documents === 1 ? 'document has' : 'documents have'} a value there.`,
      `      Next: if no code writes "old", "older" any more, drop the index${documents === 0 ? '' : ', which gives up its protection of these values'}: ` +
        `await User.collection.dropIndex("x_1"), or in mongosh db.getCollection('users').dropIndex('x_1').`,
      '      Otherwise: add "old", "older" to the schema, and declare the index: schema.index({ old: 1, older: ' +
        '-1 }, { unique: true, name: "x_1" }).',
      '',
      'The 1 unique index is as declared.',
      '1 leftover index.',
    ]);
  });

  it.each([
    [0, false],
    [2, true],
  ])('of a leftover index with %i values says how to move them', (documents, moves) => {
    const keyPattern = { old: 1 };
    const leftover = [{ name: 'old_1', keyPattern, absentPaths: ['old'], documents }];
    const advice =
      '      If the path was renamed, move the values after that: await User.collection.updateMany(' +
      '{ "newPath": { $exists: false } }, { $rename: { "old": "newPath" } }).';
    const report = formatAudit(audit([email], { leftover })).split('\n');
    expect(report.includes(advice)).toBe(moves);
  });

  it('of several models, and of one without unique indexes', () => {
    const other = audit([], { model: 'Log', collection: 'logs' });
    expect(formatAudit([audit([email, { ...email, name: 'longer' }]), other])).toBe(
      [
        'User (collection users)',
        '  email_1  { email: 1 }  ok',
        '  longer   { email: 1 }  ok',
        '',
        'Log (collection logs)',
        '  no unique indexes are declared',
        '',
        'All 2 unique indexes are as declared.',
      ].join('\n'),
    );
    expect(formatAudit([])).toBe('No unique index is declared.');
  });

  it('escapes control characters in stored values', () => {
    const hostile = '\u001b[2J\r\n\u009b31m\u202e"';
    const text = formatAudit(
      audit(
        [
          {
            name: hostile,
            keyPattern: { [hostile]: 1 },
            status: 'missing',
            blocking: {
              keys: 1,
              documents: 2,
              groups: [{ key: { [hostile]: { [hostile]: hostile } }, count: 2, ids: [hostile] }],
            },
          },
        ],
        { model: hostile, collection: hostile },
      ),
    );

    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
    expect(text).toContain('\\u001b[2J');
  });
});

it('prints values of every type as mongosh reads them, and shortens long ones', async () => {
  const { ObjectId, Decimal128, UUID, Long } = mongoose.mongo.BSON;
  const id = new ObjectId();
  const model = mongoose.model(
    'Shown',
    new Schema({}, { strict: false, autoCreate: false })
      .index({ key: 1 }, { unique: true })
      .plugin(uniqueGuard),
  );
  const values: [unknown, string][] = [
    ['text', '"text"'],
    [id, `ObjectId("${id.toHexString()}")`],
    [new Date(0), 'ISODate("1970-01-01T00:00:00.000Z")'],
    [5, '5'],
    [NaN, 'NaN'],
    [true, 'true'],
    [null, 'null'],
    [Decimal128.fromString('1.5'), '{"$numberDecimal":"1.5"}'],
    [Long.fromNumber(7), '7'],
    [new UUID('00'.repeat(16)), '"00000000-0000-0000-0000-000000000000"'],
    [{ a: { b: 'x' } }, '{ a: { b: "x" } }'],
    [[], '[]'],
    [[['a', id, [1]]], `["a", ObjectId("${id.toHexString()}"), [1]]`],
    ['x'.repeat(200), `"${'x'.repeat(79)}…`],
  ];
  await model.collection.insertMany(values.flatMap(([key]) => [{ key }, { key }]));
  const text = formatAudit(await model.auditUniqueIndexes({ sample: 20 }));
  for (const [, shown] of values) expect(text).toContain(`{ key: ${shown} } in 2 documents`);
});

it.each([undefined, 'text', {}, [null], Promise.resolve({})])(
  'throws a TypeError for %p, which says what to pass',
  (report) => {
    expect(() => formatAudit(report as never)).toThrow(
      /^formatAudit: the report is .*; it must be what Model\.auditUniqueIndexes\(\) resolves to/,
    );
  },
);

it('returns the output in the guide', async () => {
  const guide = readFileSync(path.resolve(__dirname, '../../examples/audit/README.md'), 'utf8');
  const [, shown] = /```text\n(Guest [\s\S]*?)\n```/.exec(guide) ?? [];
  const guest = new Schema({ email: { type: String, unique: true } }).plugin(uniqueGuard);
  const Guest = mongoose.model('Guest', guest);
  await Guest.insertMany(
    ['eve', 'frank', 'eve'].map((name, place) => ({
      _id: `65a00000000000000000000${String(place + 1)}`,
      email: `${name}@example.com`,
    })),
  );
  expect(formatAudit(await Guest.auditUniqueIndexes())).toBe(shown);
});
