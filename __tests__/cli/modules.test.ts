import { rmSync } from 'node:fs';
import nodeModule from 'node:module';
import path from 'node:path';
import { Model, Mongoose, Schema } from 'mongoose';
import { findFile, loadModels } from '../../lib/cli/load-models';
import { findError } from '../../lib/cli/find-error';
import { parseCommand, type Command } from '../../lib/cli/parse-command';
import { startProgress, type Terminal } from '../../lib/cli/progress';
import { redact } from '../../lib/cli/redact';
import { runAudit } from '../../lib/cli/run-audit';
import { runExplain } from '../../lib/cli/run-explain';
import { preventBuilds, requireMongoose } from '../../lib/cli/user-mongoose';
import { EMAIL_IS_MISSING, makeWorkplace, type Workplace } from '../support/command';
import { testUri, useDatabase, withMongoose } from '../support/database';
import type { Doc } from '../support/writes';

describe('the command line', () => {
  const given = ['audit', '--models', 'm.js'];
  const audit = { kind: 'audit', uri: 'a', models: 'm.js', json: false, strict: false };
  const explain = { kind: 'explain', text: undefined, models: 'm.js', uri: undefined };
  it.each<[args: string[], env: Record<string, string>, command: object]>([
    [[...given, '--uri', 'a'], { MONGODB_URI: 'b' }, audit],
    [given, { MONGODB_URI: 'b' }, { ...audit, uri: 'b' }],
    [['--json', ...given], { MONGODB_URI: 'a' }, { ...audit, json: true }],
    [[...given, '--sample', '0', '--uri=a'], {}, { ...audit, sample: 0 }],
    [[...given, '--sample', '1000', '--uri=a'], {}, { ...audit, sample: 1000 }],
    [['--help'], {}, { kind: 'help' }],
    [['drop', '-h'], {}, { kind: 'help' }],
    [['help'], {}, { kind: 'help' }],
    [['--version'], {}, { kind: 'version' }],
    [['--strict', ...given, '--uri', 'a'], {}, { ...audit, strict: true }],
    [['explain', '--models', 'm.js'], { MONGODB_URI: 'a' }, explain],
    [['explain', 'E11000', '--models', 'm.js'], {}, { ...explain, text: 'E11000' }],
    [['explain', '--models', 'm.js', '--uri', 'a'], {}, { ...explain, uri: 'a' }],
  ])('%j with %j is %j', (args, env, command) => {
    expect(parseCommand(args, env)).toEqual(command);
  });

  const secret = 'mongodb://admin:hunter2@localhost';
  const commands =
    'unknown command; the commands are audit and explain, and everything else is an option, such as --models <file>';
  const modelsMissing =
    '--models is missing; write --models <file>, the file that exports the models';
  const uriMissing =
    '--uri is missing, and MONGODB_URI is not set; write --uri <connection string>, or set MONGODB_URI';
  const optionsOnly = 'audit takes options only: --models <file>, --uri <uri>';
  it.each<[args: string[], env: Record<string, string>, message: string]>([
    [[], {}, 'a command is missing; write audit or explain'],
    [['drop'], {}, commands],
    [[secret], {}, commands],
    [['x'], {}, commands],
    [['adit'], {}, 'unknown command; did you mean audit?'],
    [['exlpain'], {}, 'unknown command; did you mean explain?'],
    [['audit', secret], {}, optionsOnly],
    [
      ['explain', 'E11000', 'duplicate', '--models', 'm.js'],
      {},
      'explain takes one error message; put it in quotes',
    ],
    [
      ['explain', '--models', 'm.js', '--json'],
      {},
      'explain has no option --json; allowed are --models and --uri',
    ],
    [
      ['explain', '--models', 'm.js', '--sample=1'],
      {},
      'explain has no option --sample; allowed are --models and --uri',
    ],
    [
      ['explain', '--models', 'm.js', '--strict'],
      {},
      'explain has no option --strict; allowed are --models and --uri',
    ],
    [['explain', 'E11000'], {}, modelsMissing],
    [given, {}, uriMissing],
    [given, { MONGODB_URI: '' }, uriMissing],
    [['audit', '--uri', secret], {}, modelsMissing],
    [['audit', '--url', secret], {}, "Unknown option '--url'; did you mean --uri?"],
    [['audit', '--model', 'm'], {}, "Unknown option '--model'; did you mean --models?"],
    [['audit', '--colour'], {}, "Unknown option '--colour'"],
    [['audit', '--models'], {}, "Option '--models <value>' argument missing"],
    [['audit', '--json=yes'], {}, "Option '--json' does not take an argument"],
    ...['1001', '-1', '1.5', 'ten', '', ' 1', '1e2', '0x10'].map(
      (sample): [string[], Record<string, string>, string] => [
        [...given, '--uri', secret, `--sample=${sample}`],
        {},
        `--sample is "${sample}"; it must be a whole number from 0 to 1000`,
      ],
    ),
  ])('%j with %j is a UsageError: %s', (args, env, message) => {
    expect(() => parseCommand(args, env)).toThrow(
      expect.objectContaining({ name: 'UsageError', message }),
    );
  });
});

const E11000 =
  'E11000 duplicate key error collection: db.users index: email_1 dup key: { email: null }';

describe('the error in a string', () => {
  const found = { code: 11000, message: E11000 };
  const keys = { keyPattern: { email: 1 }, keyValue: { email: null } };
  it.each<[string, string, object | undefined]>([
    ['the message alone', E11000, found],
    ['a stack trace', `${E11000}\n    at Connection.sendCommand (a.js:1:2)\n    at b`, found],
    ['a JSON log entry', JSON.stringify({ level: 50, msg: E11000 }), found],
    [
      'a JSON log entry among others',
      `{"a":1}\n${JSON.stringify({ err: { stack: E11000 } })}\n`,
      found,
    ],
    [
      'an error as JSON',
      JSON.stringify({ err: [{ message: E11000, code: 11000, ...keys }] }),
      { ...found, ...keys },
    ],
    [
      'an error as JSON, without values',
      JSON.stringify({ errmsg: E11000, keyPattern: { a: 1 } }),
      { ...found, keyPattern: { a: 1 } },
    ],
    [
      'an error as JSON, with only the message',
      JSON.stringify({ message: E11000, keyPattern: 5 }),
      found,
    ],
    ['a filter', 'x: Expression not supported in partial index: $not', { code: 67 }],
    ['another index', 'An existing index has the same name as the requested index.', { code: 86 }],
    ['nothing', 'all is well', undefined],
    ['other JSON', '{"a":[1,null,"x"]}', undefined],
  ])('is found in %s', (_, text, expected) => {
    const error = findError(text);
    if (expected === undefined) expect(error).toBeUndefined();
    else expect(error).toMatchObject(expected);
  });

  it('is found in a log line', () => {
    expect(findError(`12:00 ERROR ${E11000}`)?.message).toContain(E11000);
  });
});

const LEFT_OUT = 'the message is omitted, because it holds a part of the connection string';

it.each<[text: string, uri: string | undefined, printed: string]>([
  ['it must begin with mongodb:// or', undefined, 'it must begin with mongodb:// or'],
  ['no secret here', 'mongodb://u:pass@h/d', 'no secret here'],
  ['at mongodb+srv://u:p@h/d, twice mongodb://h', '', 'at mongodb://… twice mongodb://…'],
  ['before it is known: mongodb://u:p@h', undefined, 'before it is known: mongodb://…'],
  ['option word is not known', 'mongodb://u:pass?word@h', LEFT_OUT],
  ['no host pa$s', 'mongodb://u:pa%24s@h', LEFT_OUT],
  ['port 80%', 'mongodb://u:80%@h', LEFT_OUT],
  ['user u', 'mongodb://u@h', 'user u'],
  ['port 27017 of h', 'mongodb://u@h:27017', 'port 27017 of h'],
])('%j, of %j, is printed as %j', (text, uri, printed) => {
  expect(redact(text, uri)).toBe(printed);
});

describe('progress', () => {
  const step = { model: 'User', collection: 'users', index: 'email_1' };
  let written: string[];
  const progressOn = (isTTY: boolean) =>
    startProgress({ isTTY, write: (text: unknown) => written.push(String(text)) > 0 });
  beforeEach(() => {
    jest.useFakeTimers();
    written = [];
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('is printed for a scan of more than a second', () => {
    const progress = progressOn(true);
    progress.start(step);
    jest.advanceTimersByTime(999);
    expect(written).toEqual([]);
    jest.advanceTimersByTime(1001);
    progress.end();
    jest.advanceTimersByTime(5000);
    const line = '\r\u001b[Kusers: looking for documents that block email_1,';
    expect(written).toEqual([`${line} 1 s`, `${line} 2 s`, '\r\u001b[K']);
  });

  it('is printed only on a terminal', () => {
    const silent = progressOn(false);
    silent.start(step);
    jest.advanceTimersByTime(5000);
    silent.end();
    expect(written).toEqual([]);
  });
});

let count = 0;
// Before the connection for it goes.
afterAll(async () => {
  for (; count > 0; count -= 1) {
    await databaseOf(`${mongoose.connection.name}_${String(count)}`).dropDatabase();
  }
});
const mongoose = useDatabase();

/** The name of a database that nobody else has. */
const nextDatabase = () => `${mongoose.connection.name}_${String((count += 1))}`;
const databaseOf = (name: string) => mongoose.connection.getClient().db(name);

let place: Workplace;
let app: string;
beforeAll(() => {
  place = makeWorkplace();
  app = path.join(place.directory, 'app');
});
afterAll(() => {
  rmSync(place.directory, { recursive: true });
});

/**
 * A Mongoose that a models file gets, and nobody else. The command changes the Model of all instances for
 * good, so what it had is put back.
 */
async function onOwnMongoose<T>(run: (own: Mongoose) => Promise<T>): Promise<T> {
  const own = new Mongoose();
  // Models files call it without its Mongoose.
  own.model = own.model.bind(own) as never;
  const members = Object.getOwnPropertyDescriptors(Model);
  let result: Promise<T> | undefined;
  jest.doMock('mongoose', () => own);
  try {
    await jest.isolateModulesAsync(async () => {
      result = run(own);
      // What it loads meanwhile is to be the same one; a rejection is the caller's.
      await result.catch(() => undefined);
    });
  } finally {
    jest.dontMock('mongoose');
    for (const name of Object.keys(Model))
      if (!(name in members)) Reflect.deleteProperty(Model, name);
    Object.defineProperties(Model, members);
  }
  return result as Promise<T>;
}

/** The part of a models file that is about the schema. */
const SCHEMA = `new Schema({ email: { type: String, unique: true } }, { autoIndex: true, autoCreate: true })`;
const HEAD = `const mongoose = require('mongoose'); const { model, Schema } = mongoose;`;
const USER = `${HEAD} const User = model('User', ${SCHEMA});`;

describe('loadModels', () => {
  const load = (name: string, text: string): Promise<string[]> =>
    onOwnMongoose(async (own) => {
      preventBuilds(own);
      const models = await loadModels(path.join(app, place.write(name, text)), own);
      return models.map(({ modelName }) => modelName);
    });
  // One that is not found on the connections of the file's Mongoose, so the export alone tells it.
  const HIDDEN = `${HEAD} const User = new mongoose.Mongoose().model('User', ${SCHEMA});`;

  it.each<[what: string, file: string, text: string, names: string[]]>([
    ['the export itself', 'itself.js', `${HIDDEN} module.exports = User;`, ['User']],
    ['what is in lists and objects', 'in.cjs', `${HIDDEN} exports.all = [{ User }];`, ['User']],
    [
      'an ES module, by name and as its default',
      'module.mjs',
      `import m, { Schema } from 'mongoose'; const one = (name) => new m.Mongoose().model(name, ${SCHEMA}); export const User = one('User'); export default { Order: one('Order') };`,
      ['User', 'Order'],
    ],
    ['what is registered', 'registered.js', USER, ['User']],
    [
      'what is registered on a connection of its own',
      'connection.js',
      `${HEAD} mongoose.createConnection().model('User', ${SCHEMA});`,
      ['User'],
    ],
    ['each once', 'once.js', `${USER} module.exports = { User, again: [User] };`, ['User']],
    [
      'a base, not its discriminators',
      'discriminators.js',
      `${USER} exports.Admin = User.discriminator('Admin', new Schema({}));`,
      ['User'],
    ],
    [
      'a discriminator whose base was deleted',
      'orphan.js',
      `${USER} exports.Admin = User.discriminator('Admin', new Schema({})); mongoose.deleteModel('User');`,
      ['Admin'],
    ],
    [
      'models alone',
      'others.js',
      `${USER} class Store { constructor() { this.User = Hidden; } } const Hidden = new mongoose.Mongoose().model('Hidden', ${SCHEMA});
       module.exports = { none: null, five: 5, text: 'User', make() { throw new Error('called'); }, store: new Store(), map: new Map([[1, Hidden]]), deep: { deeper: { deepest: { Hidden } } },
         fakes: [Object.assign(() => {}, { modelName: 'A' }), Object.assign(() => {}, { modelName: 5, schema: {}, db: {} }), Object.assign(() => {}, { modelName: 'C', schema: {} })] };`,
      ['User'],
    ],
  ])('finds %s', async (_what, file, text, names) => {
    expect(await load(file, text)).toEqual(names);
  });

  it.each<[what: string, file: string, text: string, message: string]>([
    [
      'makes models in a function',
      'make.js',
      `exports.make = () => { throw new Error('called'); };`,
      'neither exports a model nor registers one on mongoose; functions that it exports are not called',
    ],
    ['is empty', 'empty.mjs', '', 'neither exports a model nor registers one on mongoose'],
    [
      'throws',
      'throws.js',
      `throw new TypeError('no such file');`,
      'throws.js could not be loaded: TypeError: no such file',
    ],
    ['throws a text', 'text.mjs', `throw 'a text';`, 'text.mjs could not be loaded: a text'],
    ['is no JavaScript', 'broken.mjs', 'export const', 'could not be loaded: SyntaxError'],
  ])('throws for a file that %s', async (_what, file, text, message) => {
    await expect(load(file, text)).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining(message) as string,
    });
  });

  it('loads TypeScript by require() if a loader is registered for it', async () => {
    const { createRequire } = nodeModule;
    const required: string[] = [];
    // As ts-node does; that the text is compiled is the work of the test run.
    const registering = jest.spyOn(nodeModule, 'createRequire').mockImplementation((from) => {
      const require = createRequire(from);
      const noting = (name: string): unknown => {
        required.push(name);
        return require(name);
      };
      return Object.assign(noting, require, { extensions: { '.ts': () => undefined } as never });
    });
    const text = `import { model, Schema } from 'mongoose'; const name: string = 'User'; export = { User: model(name, ${SCHEMA}) };`;
    try {
      expect(await load('typed.ts', text)).toEqual(['User']);
      expect(await load('untyped.js', USER)).toEqual(['User']);
    } finally {
      registering.mockRestore();
    }
    expect(required).toEqual([path.join(app, 'typed.ts')]);
  });

  it.each(['nope.js', '.'])('throws for %j, which is no file', (name) => {
    expect(() => findFile(name, app)).toThrow(
      expect.objectContaining({
        name: 'UsageError',
        message: `--models: the file ${path.join(app, name)} does not exist`,
      }),
    );
  });
});

describe('requireMongoose', () => {
  const without = () => path.join(place.directory, 'package');
  it('finds the Mongoose beside the file, else that of the working directory', () =>
    onOwnMongoose((own) => {
      expect(requireMongoose(path.join(app, 'models.js'), without())).toBe(own);
      expect(requireMongoose(path.join(without(), 'models.js'), app)).toBe(own);
      return Promise.resolve();
    }));

  it('names the directories that have no Mongoose', () =>
    onOwnMongoose(() => {
      const file = path.join(without(), 'models.js');
      expect(() => requireMongoose(file, without())).toThrow(
        `mongoose is not installed, neither beside ${file} nor in ${without()}`,
      );
      return Promise.resolve();
    }));
});

/** The audit of a models file; `fill` are documents of its users. */
async function audit(
  text: string,
  {
    fill = [],
    index = {},
    terminal = {},
    ...command
  }: {
    fill?: Doc[];
    index?: Doc;
    terminal?: Partial<Terminal>;
  } & Partial<Extract<Command, { kind: 'audit' }>> = {},
) {
  const name = nextDatabase();
  const collection = databaseOf(name).collection('users');
  if (fill.length > 0) {
    await collection.insertMany(fill as never);
    await collection.createIndexes([{ key: { email: 1 }, ...index }]);
  }
  const uri = testUri(name);
  const models = place.write(
    `models-${String(count)}.${text.includes('await') ? 'mjs' : 'js'}`,
    text.replaceAll('URI', uri),
  );
  const notes: string[] = [];
  const write = (note: unknown) => notes.push(String(note)) > 0;
  return onOwnMongoose(async (own) => {
    try {
      const outcome = await runAudit(
        { kind: 'audit', uri, json: false, strict: false, models, ...command },
        app,
        {
          write,
          ...terminal,
        },
      );
      return { ...outcome, notes };
    } finally {
      // Nothing is made, and nothing stays open, whatever came out.
      expect(await databaseOf(name).listCollections().toArray()).toHaveLength(
        Math.sign(fill.length),
      );
      expect(own.connections.map(({ readyState }) => readyState)).not.toContain(1);
    }
  });
}

describe('runAudit', () => {
  it('reports what is missing, and creates nothing', async () => {
    expect(await audit(USER)).toEqual({ output: EMAIL_IS_MISSING, exitCode: 1, notes: [] });
  });

  it('has exit code 0 if all indexes are as declared', async () => {
    const outcome = await audit(USER, {
      fill: [{ email: 'a' }],
      index: { unique: true },
      terminal: { isTTY: true },
    });
    expect(outcome).toMatchObject({ exitCode: 0, notes: [] });
    expect(outcome.output).toMatch(/The 1 unique index is as declared\.\n$/);
  });

  it.each([
    [undefined, 10],
    [1, 1],
    [0, 0],
  ])('lists, for a sample of %p, %i of the blocking keys', async (sample, listed) => {
    const fill = Array.from({ length: 24 }, (_, at) => ({ email: at % 12 }));
    const { output, exitCode } = await audit(USER, {
      fill,
      json: true,
      ...(sample === undefined ? {} : { sample }),
    });
    const [{ indexes }] = JSON.parse(output) as [{ indexes: Doc[] }];
    expect(indexes).toMatchObject([{ name: 'email_1', blocking: { keys: 12, documents: 24 } }]);
    const { groups } = indexes[0]?.['blocking'] as { groups: unknown[] };
    expect(groups).toHaveLength(listed);
    expect(exitCode).toBe(1);
  });

  it('distinguishes an ObjectId from a string in JSON', async () => {
    const oid = '65a000000000000000000001';
    const fill = [new mongoose.Types.ObjectId(oid), oid].map((_id) => ({ _id, email: 'a' }));
    const { output } = await audit(USER, { fill, json: true });
    expect(JSON.parse(output)).toMatchObject([
      { indexes: [{ blocking: { groups: [{ ids: [{ $oid: oid }, oid] }] } }] },
    ]);
  });

  it('closes its connections if the server refuses', async () => {
    await expect(audit(`${HEAD} model('User', ${SCHEMA}, '.users');`)).rejects.toMatchObject({
      name: 'MongoServerError',
    });
  });
});

describe('runAudit of a leftover index', () => {
  it.each([
    [false, 0],
    [true, 1],
  ])('with strict: %p has exit code %i', async (strict, exitCode) => {
    const { output, ...outcome } = await audit(
      `${HEAD} model('User', new Schema({ name: String }));`,
      { fill: [{ email: 'a' }], index: { unique: true }, strict },
    );
    expect(outcome.exitCode).toBe(exitCode);
    expect(output).toContain('leftover');
  });
});

describe('runExplain', () => {
  const E11000 = 'E11000 duplicate key error';
  const ofUsers = `${E11000} collection: db.users index: email_1 dup key: { email: "a" }`;
  const explain = (
    message: string | undefined,
    models = USER,
    { uri, input = '' }: { uri?: string; input?: string } = {},
  ) => {
    const file = place.write(`explain-${String((count += 1))}.js`, models);
    const command = { kind: 'explain', text: message, models: file, uri } as const;
    return onOwnMongoose(() => runExplain(command, app, () => Promise.resolve(input)));
  };

  it('reads the message of the command line, else standard input', async () => {
    const sentence =
      'The unique index email_1 of User refused a second document with the same value of `email`.\n';
    expect(await explain(ofUsers)).toBe(sentence);
    expect(await explain(undefined, USER, { input: ofUsers })).toBe(sentence);
  });

  it('explains the failed build of an index that names no collection', async () => {
    const message = 'Expression not supported in partial index: $not';
    expect(await explain(message)).toMatch(/^An index cannot be built/);
    const two = `${USER} model('Other', new Schema({}));`;
    expect(await explain(message, two)).toMatch(/^An index cannot be built/);
  });

  it('looks up the paths of the index in the database', async () => {
    const name = nextDatabase();
    await databaseOf(name)
      .collection('users')
      .createIndexes([{ key: { email: -1 }, name: 'mine', unique: true }]);
    const of = (index: string) =>
      `${E11000} collection: ${name}.users index: ${index} dup key: { email: "a" }`;
    const options = { uri: testUri(name) };
    expect(await explain(of('mine'), USER, options)).toContain('The unique index mine of User');
    expect(await explain(of('other'), USER, options)).toContain('names the index other');
    await expect(explain(ofUsers, USER, options)).rejects.toThrow('names another database');
  });

  it.each([
    ['all is well', USER, 'the input has no error of a unique index'],
    [
      ofUsers.replace('users', 'logs'),
      USER,
      'has the collection that the input names; the models have users',
    ],
    [E11000, `${USER} model('Other', new Schema({}));`, 'the input does not name a collection'],
  ])('refuses %j', async (message, models, reason) => {
    await expect(explain(message, models)).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringContaining(reason) as string,
    });
  });
});

describe('a connection', () => {
  it('that the models file opens is used, which a note reports', async () => {
    const own = `${HEAD} mongoose.createConnection('URI').model('User', ${SCHEMA});`;
    expect(await audit(own, { uri: testUri('elsewhere') })).toEqual({
      output: EMAIL_IS_MISSING,
      exitCode: 1,
      notes: [
        'Note: the models file connects User itself; the connection string of the command is not used for that.\n',
      ],
    });
  });

  it('that the models file opens and closes is opened again', async () => {
    const closed = `import mongoose, { Schema } from 'mongoose'; const made = mongoose.createConnection('URI'); made.model('User', ${SCHEMA}); await made.asPromise(); await made.close();`;
    expect(await audit(closed)).toEqual({ output: EMAIL_IS_MISSING, exitCode: 1, notes: [] });
  });

  it.each([
    ['of another database', (other: string) => `useDb('${other}')`],
    ['of another database of another', (other: string) => `useDb('another').useDb('${other}')`],
  ])('%s is opened by the one it was made from', async (_which, use) => {
    const other = nextDatabase();
    await databaseOf(other)
      .collection('users')
      .insertMany([{ email: 1 }, { email: 1 }]);
    const text = `${HEAD} exports.User = mongoose.connection.${use(other)}.model('User', ${SCHEMA});`;
    const { output, exitCode, notes } = await audit(text);
    expect(output).toContain('email_1  { email: 1 }  missing, blocked by 1 key in 2 documents');
    expect({ exitCode, notes }).toEqual({ exitCode: 1, notes: [] });
  });

  it('is opened once for all its models, including those on connections made from it', async () => {
    const text = `${HEAD} const first = mongoose.connection.useDb('first');
      exports.models = [first, first.useDb('second'), mongoose.connection].map((one, at) => one.model('Model' + at, ${SCHEMA}));`;
    const { output, exitCode, notes } = await audit(text);
    expect(output).toMatch(/3 of 3 unique indexes not as declared\.\n$/);
    expect({ exitCode, notes }).toEqual({ exitCode: 1, notes: [] });
  });

  it.each<[what: string, text: string, uri: string, message: RegExp]>([
    [
      'to no server',
      USER,
      'mongodb://127.0.0.1:1/x?serverSelectionTimeoutMS=200',
      /^cannot connect: connect ECONNREFUSED/,
    ],
    [
      'by no connection string',
      USER,
      'localhost',
      /^the connection string cannot be read; it must/,
    ],
    [
      'by an unknown option',
      USER,
      'mongodb://localhost/x?hunter2=1',
      /^the connection string cannot be read; it must/,
    ],
    [
      'that was destroyed',
      `${HEAD} const made = mongoose.createConnection(); made.model('User', ${SCHEMA}); exports.User = made.models.User; made.destroy();`,
      'mongodb://localhost',
      /^cannot connect: Connection has been closed and destroyed/,
    ],
    [
      'whose parent was destroyed',
      `${HEAD} const made = mongoose.createConnection(); made.useDb('first'); exports.User = made.useDb('other').model('User', ${SCHEMA}); made.destroy();`,
      'mongodb://localhost',
      /^cannot connect: Connection has been closed and destroyed/,
    ],
  ])('%s rejects with the reason', async (_what, text, uri, message) => {
    await expect(audit(text, { uri })).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.stringMatching(message) as string,
    });
  });
});

describe('preventBuilds', () => {
  it('prevents every model from creating a collection or an index; init() still resolves', () =>
    onOwnMongoose(async (own) => {
      preventBuilds(own);
      const schema = new own.Schema(
        { email: { type: String, unique: true } },
        { autoIndex: true, autoCreate: true },
      );
      const ready: unknown[] = [];
      schema.on('init', (model) => ready.push(model));
      await withMongoose(own, async () => {
        const User = own.model('User', schema);
        expect(ready).toEqual([User]);
        expect(await User.init()).toBe(User);
        await User.createCollection();
        await User.createIndexes();
        await User.ensureIndexes();
        await User.syncIndexes();
        await User.createSearchIndexes();
        expect(await own.connection.listCollections()).toEqual([]);
      });
    }));

  it('does not change another copy of Mongoose', async () => {
    const names = ['createCollection', 'createIndexes', 'init'];
    const read = (of: object = Model) => names.map((name): unknown => Reflect.get(of, name));
    const before = read();
    let copy = mongoose;
    jest.isolateModules(() => (copy = jest.requireActual('mongoose')));
    preventBuilds(copy);
    expect(read(copy.Model)).not.toEqual(before);
    expect(read()).toEqual(before);
    const User = mongoose.model('User', new Schema({ email: { type: String, unique: true } }));
    await User.createIndexes();
    expect(await User.listIndexes()).toHaveLength(2);
  });
});
