import { rmSync } from 'node:fs';
import path from 'node:path';
import { EMAIL_IS_MISSING, makeWorkplace, type Outcome, type Workplace } from '../support/command';
import { testUri, useDatabase } from '../support/database';
import type { Doc } from '../support/writes';

const mongoose = useDatabase();

let place: Workplace;
let count = 0;
beforeAll(() => {
  place = makeWorkplace();
});
afterAll(() => {
  rmSync(place.directory, { recursive: true });
});

/** The part of a models file that every kind of module shares. */
const SCHEMA = `new Schema({ email: { type: String, unique: true } }, { autoIndex: true, autoCreate: true })`;

/** Several processes at once, since each takes a moment to start. */
async function atOnce<T, R>(cases: readonly T[], run: (one: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  for (let start = 0; start < cases.length; start += 5) {
    results.push(...(await Promise.all(cases.slice(start, start + 5).map(run))));
  }
  return results;
}

/** Runs the audit of a models file; `database` is one that nobody else has. */
async function audit(
  name: string,
  text: string,
  args: string[] = [],
  fill: (database: string) => Promise<unknown> = () => Promise.resolve(),
  nodeArgs: string[] = [],
): Promise<Outcome & { collections: string[]; indexes: Doc[] }> {
  count += 1;
  const database = `${mongoose.connection.name}_${String(count)}`;
  const db = mongoose.connection.getClient().db(database);
  await fill(database);
  const uri = testUri(database);
  const models = place.write(name, text.replaceAll('URI', uri));
  const outcome = await place.run(['audit', '--models', `./${models}`, ...args], {
    env: { MONGODB_URI: uri },
    nodeArgs,
  });
  expect(outcome.stdout + outcome.stderr).not.toContain('mongodb://');
  const collections = (await db.listCollections().toArray()).map((one) => one.name);
  const indexes = collections.includes('users') ? await db.collection('users').indexes() : [];
  await db.dropDatabase();
  return { ...outcome, collections, indexes: indexes as Doc[] };
}

const users =
  (documents: Doc[], isBuilt = false) =>
  async (database: string) => {
    const collection = mongoose.connection.getClient().db(database).collection('users');
    await collection.insertMany(documents as never);
    if (isBuilt) await collection.createIndexes([{ key: { email: 1 }, unique: true }]);
  };

describe('the models file', () => {
  const files: [name: string, file: string, text: string][] = [
    [
      'exports one',
      'a.js',
      `const { model, Schema } = require('mongoose'); module.exports = model('User', ${SCHEMA});`,
    ],
    [
      'exports it among others, with the plugin',
      'b.js',
      `const { model, Schema } = require('mongoose'); const { uniqueGuard } = require('mongoose-unique-guard'); exports.User = model('User', ${SCHEMA}.plugin(uniqueGuard)); exports.other = 5;`,
    ],
    [
      'exports it in an object and a list',
      'c.cjs',
      `const { createConnection, Schema } = require('mongoose'); module.exports = { models: [createConnection().model('User', ${SCHEMA})] };`,
    ],
    [
      'only registers it',
      'd.js',
      `const { model, Schema } = require('mongoose'); model('User', ${SCHEMA});`,
    ],
    [
      'registers it on a connection of its own',
      'e.js',
      `const { createConnection, Schema } = require('mongoose'); createConnection().model('User', ${SCHEMA});`,
    ],
    [
      'is an ES module',
      'f.mjs',
      `import { model, Schema } from 'mongoose'; export const User = model('User', ${SCHEMA});`,
    ],
    [
      'has a default export, and waits for something',
      'g.mjs',
      `import mongoose, { Schema } from 'mongoose'; await Promise.resolve(); export default { User: mongoose.model('User', ${SCHEMA}) };`,
    ],
    [
      'has a Mongoose of its own',
      'h.js',
      `const { Mongoose, Schema } = require('mongoose'); exports.User = new Mongoose().model('User', ${SCHEMA});`,
    ],
    [
      'builds its indexes itself, prints, and keeps running',
      'i.js',
      `const { model, Schema } = require('mongoose'); console.log('hello'); setInterval(() => {}, 1000); const User = model('User', ${SCHEMA}); User.init(); User.createCollection(); User.createIndexes(); User.syncIndexes(); User.ensureIndexes();`,
    ],
  ];
  let outcomes: Awaited<ReturnType<typeof audit>>[];
  beforeAll(async () => {
    outcomes = await atOnce(files, ([, file, text]) => audit(file, text));
  }, 60_000);

  it.each(files.map(([name, file], row) => ({ name, file, row })))('$name', ({ file, row }) => {
    const { code, stdout, stderr, collections } = outcomes[row] as (typeof outcomes)[number];
    expect(stderr).toBe(file === 'i.js' ? 'hello\n' : '');
    expect(stdout).toBe(EMAIL_IS_MISSING);
    expect(code).toBe(1);
    // Whatever its schema says of autoIndex and autoCreate.
    expect(collections).toEqual([]);
  });

  it('may connect by itself; a note then reports that --uri is not used', async () => {
    for (const connect of [`mongoose.connect('URI')`, `mongoose.createConnection('URI')`]) {
      const text = `const mongoose = require('mongoose'); const { Schema } = mongoose; const made = ${connect}; const from = made.model ? made : mongoose; from.model('User', ${SCHEMA});`;
      const { code, stdout, stderr, collections } = await audit('own.js', text, [
        '--uri',
        testUri('elsewhere'),
      ]);
      expect(stderr).toBe(
        'Note: the models file connects User itself; the connection string of the command is not used for that.\n',
      );
      expect(stdout).toContain('email_1  { email: 1 }  missing');
      expect(code).toBe(1);
      expect(collections).toEqual([]);
    }
  });

  it('may use another database of its connection', async () => {
    // Of this run's own: that of the other major may be going on.
    const name = `${mongoose.connection.name}_other`;
    const text = `const mongoose = require('mongoose'); const { Schema } = mongoose; exports.User = mongoose.connection.useDb('${name}').model('User', ${SCHEMA});`;
    const other = mongoose.connection.getClient().db(name);
    await other.collection('users').insertMany([{ email: 1 }, { email: 1 }]);
    const { code, stdout } = await audit('use-db.js', text);
    await other.dropDatabase();
    expect(stdout).toContain('missing, blocked by 1 key in 2 documents');
    expect(code).toBe(1);
  });

  it('with discriminators is audited once, for their base', async () => {
    const text = `const { model, Schema } = require('mongoose');
      const Base = model('User', ${SCHEMA});
      exports.Admin = Base.discriminator('Admin', new Schema({ badge: { type: String, unique: true } }));`;
    const { stdout } = await audit('discriminators.js', text, ['--json']);
    const audits = JSON.parse(stdout) as Doc[];
    expect(audits).toMatchObject([
      { model: 'User', indexes: [{ name: 'email_1' }, { name: 'badge_1' }] },
    ]);
  });

  it('in TypeScript works with ts-node registered', async () => {
    const text = `import { model, Schema } from 'mongoose'; const name: string = 'User'; export const User = model(name, ${SCHEMA});`;
    const compilerOptions = { module: 'node16', moduleResolution: 'node16', target: 'es2022' };
    place.write('tsconfig.json', JSON.stringify({ compilerOptions }));
    const register = require.resolve('ts-node/register/transpile-only');
    const { code, stdout } = await audit('models.ts', text, [], undefined, ['-r', register]);
    expect(stdout).toContain('email_1  { email: 1 }  missing');
    expect(code).toBe(1);
  });
});

const USER = `const { model, Schema } = require('mongoose'); model('User', ${SCHEMA});`;

describe('the report', () => {
  it('has exit code 0 if all indexes are as declared', async () => {
    const { code, stdout, indexes } = await audit(
      'user.js',
      USER,
      [],
      users([{ email: 'a' }], true),
    );
    expect(stdout).toContain('The 1 unique index is as declared.');
    expect(code).toBe(0);
    expect(indexes).toHaveLength(2);
  });

  it('lists the blocking documents up to --sample, and changes nothing', async () => {
    const documents = ['a', 'a', 'b', 'b', 'c'].map((email, _id) => ({ _id, email }));
    const { code, stdout, indexes } = await audit(
      'user.js',
      USER,
      ['--sample', '1'],
      users(documents),
    );
    expect(stdout).toContain('missing, blocked by 2 keys in 4 documents');
    expect(stdout).toContain('{ email: "a" } in 2 documents: 0, … 1 more');
    expect(stdout).toContain('… 1 more key\n');
    expect(code).toBe(1);
    expect(indexes.map(({ name }) => name)).toEqual(['_id_']);
  });

  it('as JSON keeps the types', async () => {
    const _id = '65a000000000000000000001';
    const ids = [new mongoose.Types.ObjectId(_id), 5];
    const documents = ids.map((one) => ({ _id: one, email: new Date(0) }));
    const { code, stdout, stderr } = await audit('user.js', USER, ['--json'], users(documents));
    expect(JSON.parse(stdout)).toEqual([
      {
        model: 'User',
        collection: 'users',
        ok: false,
        indexes: [
          {
            name: 'email_1',
            keyPattern: { email: 1 },
            status: 'missing',
            blocking: {
              keys: 1,
              documents: 2,
              groups: [
                {
                  key: { email: { $date: '1970-01-01T00:00:00Z' } },
                  count: 2,
                  ids: [{ $oid: _id }, 5],
                },
              ],
            },
          },
        ],
        undeclared: [],
        leftover: [],
      },
    ]);
    expect(stderr).toBe('');
    expect(code).toBe(1);
  });
});

describe('a leftover index', () => {
  const withLeftover = async (database: string) => {
    await users([{ email: 'a', old: 1 }], true)(database);
    const collection = mongoose.connection.getClient().db(database).collection('users');
    await collection.createIndexes([{ key: { old: 1 }, unique: true }]);
  };

  it.each([
    ['is a warning', [], 0],
    ['fails the audit with --strict', ['--strict'], 1],
  ])('%s', async (_, args, exitCode) => {
    const { code, stdout } = await audit('user.js', USER, args, withLeftover);
    expect(code).toBe(exitCode);
    expect(stdout).toContain('  old_1    { old: 1 }    leftover\n');
    expect(stdout).toContain('1 document has a value there.');
    expect(stdout).toContain('The 1 unique index is as declared.\n1 leftover index.');
  });
});

it('an index that cannot be built is reported with what to write instead', async () => {
  const text = `const { model, Schema } = require('mongoose'); model('User', new Schema({ email: String, d: Date }).index({ email: 1 }, { unique: true, partialFilterExpression: { d: { $exists: false } } }));`;
  const { code, stdout } = await audit('refused-filter.js', text);
  expect(stdout).toContain('  cannot be built\n');
  expect(stdout).toContain('Write { d: null }, which also matches missing values.');
  expect(code).toBe(1);
});

it('--version prints the version', async () => {
  expect(await place.run(['--version'])).toMatchObject({ code: 0, stdout: '1.2.3\n', stderr: '' });
});

describe('explain', () => {
  const collection = 'collection: db.users';
  const E11000 = `E11000 duplicate key error ${collection}`;
  const leftover = `${E11000} index: tenantId_1 dup key: { tenantId: null }`;
  const hidden = `const { model, Schema } = require('mongoose'); const { uniqueGuard } = require('mongoose-unique-guard'); model('User', ${SCHEMA}.plugin(uniqueGuard, { hideValues: true }));`;
  const explain = (text: string[], options: object = {}, more: string[] = []) =>
    place.run(['explain', ...text, '--models', './explain.js', ...more], options);
  beforeAll(() => {
    place.write('explain.js', USER);
    place.write('explain-hidden.js', hidden);
    place.write('explain-two.js', `${USER} model('Other', new Schema({}));`);
  });

  it.each([
    [leftover, /User is on `tenantId`, a path that the schema does not have/],
    [
      `${E11000} index: email_1 dup key: { email: "a" }`,
      /refused a second document with the same value of `email`/,
    ],
    [`${E11000} index: email_1 dup key: { email: null }`, /Make the path required/],
    [
      `Index build failed: 1: Collection db.users :: caused by :: ${E11000} index: email_1 dup key: { email: "a" }`,
      /could not be built: the collection users already holds/,
    ],
    ['Expression not supported in partial index: $not', /^An index cannot be built/],
    [`${E11000} index: \u001b[2J dup key: { x: 1 }`, /the index \\u001b\[2J, which/],
  ])('%j without a connection', async (text, sentence) => {
    const { code, stdout, stderr } = await explain([text]);
    expect(stderr).toBe('');
    expect(stdout).toMatch(sentence);
    expect(stdout).toMatch(/^[^\n]+\n$/);
    expect(code).toBe(0);
  });

  it('standard input', async () => {
    const inputs = [
      `2026-11-28 ERROR MongoServerError: ${leftover}\n    at x (y.js:1:1)\n`,
      JSON.stringify({ level: 'error', err: { message: leftover } }),
    ];
    for (const { code, stdout } of await atOnce(inputs, (input) => explain([], { input }))) {
      expect(stdout).toContain("await User.collection.dropIndex('tenantId_1'), or in mongosh db.");
      expect(code).toBe(0);
    }
  });

  it('prints no value that the model hides', async () => {
    const text = JSON.stringify({
      message: `Index build failed: :: caused by :: ${E11000} index: email_1 dup key: { email: "sec-ret" }`,
      keyPattern: { email: 1 },
      keyValue: { email: 'sec-ret' },
    });
    const [shown, out] = await Promise.all([
      explain([text]),
      place.run(['explain', text, '--models', 'explain-hidden.js']),
    ]);
    expect(shown.stdout).toContain('first email: "sec-ret"');
    expect(out.stdout).toContain('first email (hidden)');
    expect(out.stdout + out.stderr).not.toContain('sec-ret');
  });

  it('with --uri looks up the paths of the index, and changes nothing', async () => {
    const database = `${mongoose.connection.name}_explain`;
    const db = mongoose.connection.getClient().db(database);
    await db
      .collection('users')
      .createIndexes([{ key: { email: -1 }, name: 'mine', unique: true }]);
    const of = (text: string) => text.replace('db.users', `${database}.users`);
    const text = of(`${E11000} index: mine dup key: { email: "a" }`);
    const more = ['--uri', testUri(database)];
    const [without, looked, unknown] = await Promise.all([
      explain([text]),
      explain([text], {}, more),
      explain([of(leftover)], {}, more),
    ]);
    const other = await explain([leftover], {}, more);
    expect(other.stderr).toContain('another database than the connection string');
    expect(other.code).toBe(2);
    const indexes = await db.collection('users').indexes();
    await db.dropDatabase();
    expect(without.stdout).toContain('which the schema of User does not declare');
    expect(looked.stdout).toContain('The unique index mine of User refused');
    expect(unknown.stdout).toContain('tenantId');
    expect(indexes).toHaveLength(2);
  });

  it.each([
    [
      'no error in the input',
      ['explain', 'all is well', '--models', 'explain.js'],
      'the input has no error of a unique index',
    ],
    ['no input', ['explain', '--models', 'explain.js'], 'the input has no error of a unique index'],
    [
      'another collection',
      [
        'explain',
        'E11000 duplicate key error collection: db.logs index: a dup key: { a: 1 }',
        '--models',
        'explain.js',
      ],
      'no model of explain.js has the collection',
    ],
    [
      'no collection',
      ['explain', 'E11000 duplicate key error', '--models', 'explain-two.js'],
      'the input does not name a collection',
    ],
    ['a typing error', ['explian', 'sec-ret'], 'unknown command; did you mean explain?'],
  ])('of %s is exit code 2', async (_, args, message) => {
    const { code, stdout, stderr } = await place.run(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain(`mongoose-unique-guard: ${message}`);
    expect(stderr).not.toContain('sec-ret');
  });
});

it('--help lists the options and the exit codes', async () => {
  for (const args of [['--help'], ['audit', '-h']]) {
    const { code, stdout } = await place.run(args);
    expect(code).toBe(0);
    for (const word of ['--models', '--uri', '--json', '--sample', 'MONGODB_URI', 'Exit code']) {
      expect(stdout).toContain(word);
    }
  }
});

describe('a mistake has exit code 2 and prints one line about it, without a secret', () => {
  const password = 'hunter2/and@more';
  const unreachable = 'mongodb://admin:hunter2@127.0.0.1:1/x?serverSelectionTimeoutMS=200';
  beforeAll(() => {
    place.write('bad-user.js', USER);
    place.write('no-models.js', 'exports.make = () => { throw new Error("called"); };');
    place.write('fails.js', `throw new Error('cannot reach ${unreachable}');`);
    place.write('exits.js', `${USER} process.exit(0);`);
    place.write('waits.mjs', 'await new Promise(() => {});');
    place.write('fails-later.js', `${USER} Promise.reject(new Error('later ${unreachable}'));`);
  });

  const of = (file: string) => ['audit', '--uri', unreachable, '--models', file];
  const cases: [name: string, args: string[], message: string | RegExp][] = [
    ['no command', [], 'a command is missing'],
    ['another command', ['drop'], 'unknown command; the commands are audit'],
    [
      'a connection string as the command',
      [unreachable],
      'unknown command; the commands are audit',
    ],
    ['a connection string beside the command', ['audit', unreachable], 'audit takes options only'],
    ['an unknown option', ['audit', '--url', unreachable], "Unknown option '--url'"],
    ['an option without its value', ['audit', '--models'], /--models <value>' argument missing/],
    [
      'no connection string',
      ['audit', '--models', 'bad-user.js'],
      '--uri is missing, and MONGODB_URI is not set',
    ],
    ['no models', ['audit', '--uri', unreachable], '--models is missing'],
    [
      'a wrong sample',
      ['audit', '--uri', unreachable, '--models', 'bad-user.js', '--sample', '-1'],
      /--sample/,
    ],
    ['a file that does not exist', of('./nope.js'), 'does not exist'],
    ['a directory', of('.'), 'does not exist'],
    ['a file without models', of('no-models.js'), 'neither exports a model'],
    ['a file that fails', of('fails.js'), 'could not be loaded: Error: cannot reach mongodb://…'],
    ['a file that fails later', of('fails-later.js'), 'later mongodb://…'],
    ['a file that ends the process', of('exits.js'), 'the process ended before the command did'],
    [
      'a file that waits for what never comes',
      of('waits.mjs'),
      'the process ended before the command did',
    ],
    ['no server there', of('bad-user.js'), /cannot connect: connect ECONNREFUSED 127/],
    [
      'no connection string at all',
      ['audit', '--uri', 'localhost', '--models', 'bad-user.js'],
      'the connection string cannot be read',
    ],
    [
      'an unknown option',
      [
        'audit',
        '--uri',
        'mongodb://admin:hunter2@localhost/x?hunter2=1',
        '--models',
        'bad-user.js',
      ],
      'the connection string cannot be read',
    ],
    [
      'a password that is not encoded',
      [
        'audit',
        '--uri',
        `mongodb://admin:${password}@127.0.0.1/x?serverSelectionTimeoutMS=200`,
        '--models',
        'bad-user.js',
      ],
      /the connection string cannot be read|the message is omitted/,
    ],
    [
      'an unknown host',
      [
        'audit',
        '--uri',
        'mongodb+srv://admin:hunter2@nowhere.invalid/x',
        '--models',
        'bad-user.js',
      ],
      /cannot connect|cannot be read/,
    ],
  ];
  let outcomes: Outcome[];
  beforeAll(async () => {
    outcomes = await atOnce(cases, ([, args]) => place.run(args));
  }, 60_000);

  it.each(cases.map(([name, , message], row) => ({ name, message, row })))(
    '$name',
    ({ message, row }) => {
      const { code, stdout, stderr } = outcomes[row] as Outcome;
      expect(stderr).toMatch(message);
      expect(stderr).toMatch(/^mongoose-unique-guard: [^\n]+\n(Try [^\n]+\n)?$/);
      expect(stderr).not.toMatch(/hunter|127\.0\.0\.1:1\/x|more@/);
      expect(stdout).toBe('');
      expect(code).toBe(2);
    },
  );

  it('a server that refuses to list the indexes', async () => {
    const text = `const { model, Schema } = require('mongoose'); model('User', ${SCHEMA}, '.users');`;
    const { code, stdout, stderr } = await audit('refused.js', text);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^mongoose-unique-guard: .+\n$/);
  });

  it('no mongoose beside the file', async () => {
    const cwd = path.join(place.directory, 'package');
    const file = path.join(cwd, 'package.json');
    const { code, stderr } = await place.run(['audit', '--uri', 'mongodb://x', '--models', file], {
      cwd,
    });
    expect(stderr).toContain('mongoose is not installed');
    expect(code).toBe(2);
  });
});
