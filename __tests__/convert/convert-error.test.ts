/** What becomes of an error of the server, with neither a database nor a connection. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Mongoose, Schema, Types } from 'mongoose';
import {
  explainUniqueIndexError,
  isUniqueValidationError,
  toValidationError,
  uniqueGuard,
  type UniqueGuardOptions,
  type UniqueValidationError,
} from 'mongoose-unique-guard';
import { carryOver } from '../../lib/convert/carry-over';
import { convertError, type ErrorShape } from '../../lib/convert/convert-error';
import { captureFrames, withoutStack } from '../../lib/convert/stack';
import type { AnyModel } from '../../lib/mongoose-internals';

type Doc = Record<string, unknown>;

const text = (index: string, key = '{ email: "x" }', collection = 'things') =>
  `E11000 duplicate key error collection: db.${collection} index: ${index} dup key: ${key}`;

const methods = { hasErrorLabel: () => false, addErrorLabel: () => undefined };

/** An error of the driver. */
const duplicate = (more: Doc = {}, message = text('email_1')) =>
  Object.assign(new Error(message), {
    name: 'MongoServerError',
    code: 11000,
    keyPattern: { email: 1 },
    keyValue: { email: 'x' },
    ...more,
  });

function modelOf(options?: UniqueGuardOptions, schema = userSchema()): AnyModel {
  const mongoose = new Mongoose();
  mongoose.set('autoIndex', false);
  schema.plugin(uniqueGuard, options);
  return mongoose.model('Thing', schema) as unknown as AnyModel;
}
function userSchema() {
  return new Schema({
    email: { type: String, unique: true },
    secret: { type: String, unique: true, select: false },
    nested: { a: String },
    list: [{ x: String }],
  });
}
const written = (document: Doc): ErrorShape => ({
  kind: 'single',
  write: () => ({ document, isComplete: true, mayInsert: true }),
});
const WRITTEN = written({ email: 'x', secret: 's' });

describe('the error of one write', () => {
  it('is a ValidationError whose hidden properties are those of the driver', () => {
    const raw = duplicate();
    const model = modelOf();
    const error = convertError(raw, model, WRITTEN) as UniqueValidationError;
    expect(error).toBeInstanceOf(model.base.Error.ValidationError);
    expect(error.message).toBe('Thing validation failed: email: Path `email` must be unique.');
    expect(error).toMatchObject({
      code: 11000,
      keyPattern: { email: 1 },
      keyValue: { email: 'x' },
      cause: raw,
      model,
      errors: {
        email: { kind: 'unique', path: 'email', value: 'x', properties: { index: 'email_1' } },
      },
    });
    expect(Object.keys(error).sort()).toEqual(['_message', 'errors']);
    expect(convertError(error, model, WRITTEN)).toBe(error);
  });

  it.each<[string, unknown]>([
    ['another error', new Error('other')],
    ['undefined', undefined],
    ['a string', 'E11000'],
    ['a user’s own error with the code', { code: 11000, message: 'own', keyPattern: { email: 1 } }],
    ['a user’s own error around it', new Error('own', { cause: duplicate() })],
    ['one that was left with a note', Object.assign(duplicate(), { uniqueGuard: {} })],
    ['one that was decorated', Object.assign(duplicate(), { validationErrors: [] })],
    [
      'a bulk of another write',
      {
        code: 11000,
        ...methods,
        writeErrors: [{ index: 0, code: 11000, errmsg: text('email_1') }],
      },
    ],
  ])('stays as it is: %s', (_, error) => {
    const onUnexplained = jest.fn();
    expect(convertError(error, modelOf({ onUnexplained }), WRITTEN)).toBe(error);
    expect(onUnexplained).not.toHaveBeenCalled();
    const { validationErrors } = Object(error) as { validationErrors?: unknown[] };
    expect(validationErrors ?? []).toEqual([]);
  });

  it('is converted once, by toValidationError too', () => {
    const model = modelOf();
    const error = convertError(duplicate(), model, WRITTEN);
    expect(toValidationError(error, model)).toBe(error);
    const own = { code: 11000, message: 'own', keyPattern: { email: 1 } };
    expect(toValidationError(own, model)).toHaveProperty('errors.email');
  });

  it.each<[string, Doc, number, unknown]>([
    ['of an old server, is not known', {}, 16, undefined],
    ['of one that would flag it', {}, 17, 'x'],
    ['of one that does not flag it', { hexEncoded: [false] }, 16, 'x'],
    ['of one that flags it', { hexEncoded: [true] }, 17, undefined],
  ])('has as value, where only the server reports one, %s', (_, more, maxWireVersion, value) => {
    const model = modelOf();
    const servers = new Map([['a', { maxWireVersion }]]);
    const client = { topology: { description: { servers } } };
    jest.spyOn(model.db, 'getClient').mockReturnValue(client as never);
    expect(toValidationError(duplicate(more), model)).toHaveProperty('errors.email.value', value);
  });

  it.each([
    ['db', undefined],
    ['atlas_db', undefined],
    ['dbx', 'The error is about the collection dbx.things, not db.things.'],
    ['other', 'The error is about the collection other.things, not db.things.'],
  ])('is of the database, or of one with a prefix: %s', (name, reason) => {
    const model = modelOf();
    Object.defineProperty(model.db, 'name', { value: 'db' });
    const error = duplicate({}, text('email_1').replace('db.', `${name}.`));
    convertError(error, model, WRITTEN);
    expect((error as { uniqueGuard?: unknown }).uniqueGuard).toEqual(reason && { reason });
  });

  it('has the frames of the one that it replaces, none if that has none', () => {
    const bare = duplicate();
    bare.stack = `MongoServerError: ${bare.message}`;
    const error = convertError(bare, modelOf(), WRITTEN) as Error;
    expect(error.stack).toBe(`ValidationError: ${error.message}`);
    expect((convertError(duplicate(), modelOf(), WRITTEN) as Error).stack).toContain('\n    at ');
  });

  it('is found in what Mongoose wraps around it', () => {
    const model = modelOf();
    const wrap = (cause: unknown) =>
      Object.assign(new Error('in use'), { name: 'MongooseError', cause });
    const raw = duplicate();
    expect(convertError(wrap(raw), model, WRITTEN)).toMatchObject({ cause: raw });
    const converted = convertError(raw, model, WRITTEN);
    expect(convertError(wrap(converted), model, WRITTEN)).toBe(converted);
    const own = new Error('own', { cause: converted });
    expect(convertError(own, model, WRITTEN)).toBe(own);
    const withCode = Object.assign(wrap(raw), { code: 5 });
    expect(convertError(withCode, model, WRITTEN)).toBe(withCode);
  });

  it.each<[string, string | undefined, object | undefined, string]>([
    [
      'another collection',
      text('email_1', '{ email: "x" }', 'others'),
      undefined,
      'The error is about the collection db.others, not undefined.things.',
    ],
    [
      'a temporary collection',
      text('email_1', '{ email: "x" }', 'tmp.agg_out.1'),
      undefined,
      'The error is about the collection db.tmp.agg_out.1',
    ],
    [
      'an index that is not declared',
      text('z_1', '{ : "x" }'),
      {},
      'names the index z_1, which the schema of Thing does not declare',
    ],
    [
      'the build of an index',
      `Index build failed: ${text('email_1')}`,
      undefined,
      'The unique index email_1 of Thing could not be built: the collection things already',
    ],
    [
      'a path that the schema does not have',
      text('gone_1'),
      { keyPattern: { gone: 1 }, keyValue: { gone: null } },
      'is on `gone`, a path that the schema does not have',
    ],
    [
      'no path',
      text('p'),
      { keyPattern: {}, keyValue: {} },
      'The violated index has no path that an error can be reported on.',
    ],
    [
      'no index',
      'E11000 duplicate key error',
      {},
      'The server does not report which index was violated',
    ],
  ])('is left with a note if it is of %s', (_, message, more, reason) => {
    const onUnexplained = jest.fn();
    const model = modelOf({ onUnexplained });
    const isBare = more !== undefined && Object.keys(more).length === 0;
    const error = duplicate({ ...more, ...(isBare && { keyPattern: undefined }) }, message);
    expect(convertError(error, model, WRITTEN)).toBe(error);
    expect(error).toHaveProperty('uniqueGuard.reason', expect.stringContaining(reason));
    expect(Object.keys(error)).not.toContain('uniqueGuard');
    expect(onUnexplained).toHaveBeenCalledTimes(1);
    expect(onUnexplained).toHaveBeenCalledWith(error, {
      reason: expect.stringContaining(reason) as string,
    });
    // The plugin applied twice.
    expect(convertError(error, model, WRITTEN)).toBe(error);
    expect(onUnexplained).toHaveBeenCalledTimes(1);
  });

  it('of $out is one of its temporary collection', () => {
    const error = duplicate({}, text('email_1', '{ email: "x" }', 'tmp.agg_out.1'));
    const out: ErrorShape = { kind: 'single', write: () => ({ isOut: true }) };
    expect(convertError(error, modelOf(), out)).toHaveProperty('errors.email');
    const other = duplicate({}, text('email_1', '{ email: "x" }', 'others'));
    expect(convertError(other, modelOf(), out)).toBe(other);
  });

  it('is of the only index that the write can violate, where the server names none', () => {
    const bare = () => duplicate({ keyPattern: undefined }, 'E11000 duplicate key error');
    const model = modelOf({}, new Schema({ email: { type: String, unique: true } }) as never);
    expect(convertError(bare(), model, written({ email: 'x' }))).toHaveProperty(
      'errors.email.value',
      'x',
    );
    const made = written({ email: 'x', _id: new Types.ObjectId() });
    expect(convertError(bare(), model, made)).toHaveProperty('errors.email');
    const named = duplicate({ keyPattern: undefined }, text('z_1', '{ : 1 }'));
    expect(convertError(named, model, written({ email: 'x' }))).toBe(named);
    const ofWords = duplicate(
      { keyPattern: { _fts: 'text', _ftsx: 1 } },
      'E11000 duplicate key error',
    );
    expect(convertError(ofWords, model, written({ email: 'x' }))).toBe(ofWords);
    const sparse = new Schema({ email: { type: String, unique: true, sparse: true } });
    const none = bare();
    convertError(none, modelOf({}, sparse as never), written({}));
    expect(none).toHaveProperty('uniqueGuard.reason', expect.stringContaining('does not report'));
    const two = bare();
    expect(convertError(two, model, written({ email: 'x', _id: 5 }))).toBe(two);
    // A user's own error may be of anything.
    const own = { code: 11000, message: 'own' };
    expect(toValidationError(own, model)).toBe(own);
  });

  it('stays the same where a message function or onUnexplained throws', () => {
    const failure = new Error('failure');
    const fail = () => {
      throw failure;
    };
    const error = duplicate();
    expect(convertError(error, modelOf({ message: fail }), WRITTEN)).toBe(error);
    expect(error).toHaveProperty('uniqueGuard', {
      reason: 'A message function or the conversion failed.',
      failure,
    });
    const other = duplicate({}, text('z_1', '{ : 1 }'));
    Object.assign(other, { keyPattern: undefined });
    expect(convertError(other, modelOf({ onUnexplained: fail }), WRITTEN)).toBe(other);
    expect(other).toHaveProperty('uniqueGuard.failure', failure);
    const both = duplicate();
    const second = () => {
      throw new Error('second');
    };
    convertError(both, modelOf({ message: fail, onUnexplained: second }), WRITTEN);
    expect(both).toHaveProperty('uniqueGuard.failure', failure);
    const frozen = Object.freeze(duplicate());
    const onUnexplained = jest.fn();
    expect(convertError(frozen, modelOf({ message: fail, onUnexplained }), WRITTEN)).toBe(frozen);
    expect(onUnexplained).toHaveBeenCalledTimes(1);
    const silent = duplicate({ keyPattern: undefined }, text('z_1', '{ : 1 }'));
    convertError(silent, modelOf(), WRITTEN);
    expect(silent).toHaveProperty('uniqueGuard', { reason: expect.any(String) as string });
  });

  it('is published', () => {
    const published: unknown[] = [];
    const listener = (message: unknown) => void published.push(message);
    const duplicates = 'mongoose-unique-guard:duplicate';
    subscribe(duplicates, listener);
    const shape: ErrorShape = { kind: 'single', write: () => ({ operation: 'save' }) };
    convertError(duplicate(), modelOf(), shape);
    convertError(duplicate({ keyPattern: undefined }, text('email_1')), modelOf(), shape);
    convertError(duplicate({ keyPattern: undefined }, text('z_1', '{ : 1 }')), modelOf(), shape);
    convertError(duplicate({}, 'E11000 duplicate key error'), modelOf(), shape);
    convertError(
      duplicate({ keyPattern: undefined }, 'E11000 duplicate key error'),
      modelOf(),
      shape,
    );
    const message = () => {
      throw new Error('failure');
    };
    convertError(duplicate(), modelOf({ message }), shape);
    unsubscribe(duplicates, listener);
    const email = {
      model: 'Thing',
      index: 'email_1',
      paths: ['email'],
      operation: 'save',
      converted: true,
    };
    expect(published).toEqual([
      email,
      email,
      { ...email, index: 'z_1', paths: [], converted: false },
      email,
      { ...email, index: undefined, paths: [], converted: false },
      { ...email, converted: false },
    ]);
  });
});

describe('hidden values', () => {
  const shownBy = (options: UniqueGuardOptions, path: string, more: Doc = {}) => {
    const keys = { keyPattern: { [path]: 1 }, keyValue: { [path]: 'x' } };
    const raw = duplicate(
      { ...keys, codeName: 'DuplicateKey', other: 1, ...more },
      text('i', '{ : "x" }'),
    );
    const error = convertError(
      raw,
      modelOf(options),
      written({ [path]: 'x', nested: { a: 'x' } }),
    ) as UniqueValidationError;
    return { raw, error, value: error.errors[path]?.value as unknown };
  };

  it.each<[UniqueGuardOptions, string, boolean]>([
    [{}, 'email', false],
    [{}, 'secret', true],
    [{ hideValues: [] }, 'email', false],
    [{ hideValues: true }, 'email', true],
    [{ hideValues: ['email'] }, 'email', true],
    [{ hideValues: ['email'] }, 'nested.a', false],
    [{ hideValues: ['nested'] }, 'nested.a', true],
    [{ hideValues: ['nested.a'] }, 'nested', true],
    [{ hideValues: ['list.x'] }, 'list.0.x', true],
    [{ hideValues: ['list.0.x'] }, 'list.x', true],
    // May be a typing error.
    [{ hideValues: ['emial'] }, 'email', true],
  ])('with %j, of %s: %p', (options, path, isHidden) => {
    const { raw, error, value } = shownBy(options, path);
    expect(value).toBe(isHidden ? undefined : 'x');
    expect(error.keyValue).toEqual({ [path]: isHidden ? undefined : 'x' });
    expect(error.cause === raw).toBe(!isHidden);
  });

  it('are not in the cause', () => {
    const { error, raw } = shownBy({ hideValues: true }, 'email', {
      op: { email: 'x' },
      errorLabelSet: new Set(),
    });
    const cause = error.cause as Doc & Error;
    expect(cause).toBeInstanceOf(Error);
    expect(cause.message).toBe('E11000 duplicate key error (the value is hidden)');
    expect(Object.fromEntries(Object.entries(cause))).toEqual({
      index: undefined,
      code: 11000,
      codeName: 'DuplicateKey',
      keyPattern: { email: 1 },
    });
    expect(cause['errorLabelSet']).toBe((raw as unknown as Doc)['errorLabelSet']);
    expect(cause.stack).toMatch(
      /^Error: E11000 duplicate key error \(the value is hidden\)\n {4}at /,
    );
  });

  it.each<[string, object, string]>([
    ['a server that prints what is stored', {}, `${text('email_1')} found value: { _id: 1 }`],
    ['a server that sends what is stored', { foundValue: { _id: 1 } }, text('email_1')],
  ])('are those of %s', (_, more, message) => {
    const raw = duplicate(more as Doc, message);
    const error = convertError(raw, modelOf(), WRITTEN) as UniqueValidationError;
    expect(error.cause).not.toBe(raw);
    expect(error.errors['email']?.value).toBe('x');
  });

  it('are those of a path that one schema of the collection hides', () => {
    const mongoose = new Mongoose();
    mongoose.set('autoIndex', false);
    const base = mongoose.model('Thing', new Schema({ email: String }).plugin(uniqueGuard));
    base.discriminator('Kind', new Schema({ x: { type: String, select: false } }));
    const raw = duplicate(
      { keyPattern: { x: 1 }, keyValue: { x: 'x' } },
      text('x_1', '{ x: "x" }'),
    );
    const error = convertError(raw, base as unknown as AnyModel, written({ __t: 'Kind', x: 'x' }));
    expect(error).toHaveProperty('errors.x.value', undefined);
  });

  it('an index that the schema does not declare is a mistake without hideValues, too', () => {
    const warning = jest.spyOn(process, 'emitWarning').mockReturnValue();
    const error = convertError(duplicate(), modelOf({ indexes: { nope: {} } }), WRITTEN);
    expect(error).toHaveProperty('uniqueGuard.reason', expect.stringContaining('has "nope"'));
    expect(convertError(duplicate(), modelOf(), WRITTEN)).not.toHaveProperty('uniqueGuard');
    const path = convertError(duplicate(), modelOf({ hideValues: ['a'] }), WRITTEN);
    expect(path).toHaveProperty('uniqueGuard.reason', expect.stringContaining('has "a"'));
    warning.mockRestore();
  });

  it('a path that another model of the collection has, or that an index is on, is no mistake', () => {
    const warning = jest.spyOn(process, 'emitWarning').mockReturnValue();
    const mongoose = new Mongoose();
    const plugin = { hideValues: ['other', 'gone'], indexes: { nope: {} } };
    const schema = userSchema()
      .index({ gone: 1 } as never)
      .index({ gone: -1 } as never, { unique: true });
    const model = mongoose.model(
      'Thing',
      schema.plugin(uniqueGuard, plugin),
    ) as unknown as AnyModel;
    mongoose.model('Sharing', new Schema({ other: String }), 'things');
    const convert = () => convertError(duplicate(), model, WRITTEN) as UniqueValidationError;
    const first = convert();
    expect(first.errors['email']?.value).toBe('x');
    const reason =
      'uniqueGuard: options.indexes has "nope", but Thing declares no unique index of that name. ' +
      'Its unique indexes are "_id_", "email_1", "secret_1", "gone_-1".';
    expect(first).toHaveProperty('uniqueGuard', { reason });
    expect(warning.mock.calls).toEqual([[reason, { code: 'UNIQUE_GUARD_OPTIONS' }]]);
    // Once for each schema.
    expect(convert()).not.toHaveProperty('uniqueGuard');
    expect(warning).toHaveBeenCalledTimes(1);
    warning.mockRestore();
  });

  it('a path that no model has is reported with each error, and warned of once', () => {
    const warning = jest.spyOn(process, 'emitWarning').mockReturnValue();
    const model = modelOf({ hideValues: ['a', 'b', 'email'], indexes: { email_1: {} } });
    const reason =
      'uniqueGuard: options.hideValues has "a", "b", which the schema of Thing does not have, so all ' +
      'values are hidden. Write the path as the schema does.';
    for (let count = 0; count < 2; count += 1) {
      expect(convertError(duplicate(), model, WRITTEN)).toHaveProperty('uniqueGuard', { reason });
    }
    expect(warning).toHaveBeenCalledTimes(1);
    warning.mockRestore();
  });

  it('the options of a global plugin may name what other schemas have', () => {
    const mongoose = new Mongoose();
    const options = { hideValues: ['password'], indexes: { nope: {} } };
    mongoose.plugin(uniqueGuard, options);
    const model = mongoose.model('Thing', userSchema()) as unknown as AnyModel;
    const error = convertError(duplicate(), model, WRITTEN) as UniqueValidationError;
    expect(error.errors['email']?.value).toBe('x');
    expect(error).not.toHaveProperty('uniqueGuard');
  });
});

describe('what other middleware put on the error', () => {
  it('is carried over, what is of the driver is not', () => {
    const target = { mine: 1 };
    const getter = { get: () => 'got', enumerable: true };
    const from = Object.defineProperty(
      { status: 409, mine: 2, code: 11000, writeErrors: [], n: 1, errorResponse: { n: 1 } },
      'lazy',
      getter,
    );
    Object.defineProperty(from, 'hidden', { value: 1, enumerable: false });
    carryOver(from, target);
    expect(target).toEqual({ mine: 1, status: 409, lazy: 'got' });
    expect(Object.getOwnPropertyDescriptor(target, 'lazy')).toMatchObject(getter);
    const none = {};
    carryOver({ a: 1 }, none);
    expect(none).toEqual({ a: 1 });
  });

  it("and the outer error's wins", () => {
    const cause = duplicate({ status: 1, inner: 1 });
    const outer = Object.assign(new Error('outer', { cause }), { status: 2 });
    expect(toValidationError(outer, modelOf())).toMatchObject({ status: 2, inner: 1 });
  });
});

describe('a bulk', () => {
  const op = (fields: Doc) => ({ q: {}, u: { $set: fields } });
  const rowOf = (index: number, more: Doc = {}) => ({
    index,
    code: 11000,
    errmsg: text('email_1'),
    op: { _id: index, email: 'x' },
    ...more,
  });
  const bulk = (writeErrors: object[], more: Doc = {}) =>
    Object.assign(new Error(text('email_1')), {
      name: 'MongoBulkWriteError',
      code: 11000,
      ...methods,
      writeErrors,
      ...more,
    });
  const OTHER = { index: 7, code: 121, errmsg: 'invalid' };

  it('of insertMany is a ValidationError with those of its rows', () => {
    const rows = [
      rowOf(2),
      rowOf(4, { errmsg: text('secret_1', '{ secret: "s" }'), op: { secret: 's' }, extra: 1 }),
    ];
    const inserted = [{}];
    const failed = [rows[0], 'document'];
    const raw = bulk([...rows, OTHER], { insertedDocs: inserted, results: failed, result: 5 });
    const error = convertError(raw, modelOf({ hideValues: ['nested'] }), {
      kind: 'rows',
    }) as UniqueValidationError;
    const [first, second] = error.validationErrors as [
      UniqueValidationError,
      UniqueValidationError,
    ];
    expect(error.message).toMatch(
      /email: Path `email` must be unique\.; other write errors: row 7 \(code 121\)$/,
    );
    expect(error).toMatchObject({
      keyPattern: { email: 1 },
      keyValue: { email: 'x' },
      insertedDocs: inserted,
      result: 5,
    });
    expect(error.writeErrors).toHaveLength(3);
    expect(error.results).toEqual([first, 'document']);
    expect(first).toMatchObject({ index: 2, operation: 'insertOne', cause: rows[0] });
    expect(second).toMatchObject({ index: 4, errors: { secret: { value: undefined } } });
    expect(error).not.toHaveProperty('mongoose');
    expect(Object.keys(raw)).toEqual(expect.not.arrayContaining(['insertedDocs', 'results']));
    // A hidden value of one row hides the cause.
    expect(error.cause).not.toBe(raw);
    expect(JSON.stringify(rows)).toBe(
      JSON.stringify([
        { index: 2, code: 11000, errmsg: text('email_1') },
        { index: 4, code: 11000 },
      ]),
    );
    expect(JSON.stringify(OTHER)).toBe(JSON.stringify({ index: 7, code: 121, errmsg: 'invalid' }));
    expect(Object.keys(rows[0] as object)).not.toContain('op');
    expect(Object.keys(rows[1] as object)).toEqual(['index', 'code', 'extra']);
    expect(second.cause).toEqual({
      index: 4,
      code: 11000,
      errmsg: 'E11000 duplicate key error (the value is hidden)',
    });
  });

  it('without hidden values is the cause itself, and has no list of other errors', () => {
    const raw = bulk([rowOf(0)], { mongoose: {} });
    raw.stack = '';
    const error = convertError(raw, modelOf(), { kind: 'rows' }) as UniqueValidationError;
    expect(error.cause).toBe(raw);
    expect(raw).not.toHaveProperty('insertedDocs');
    // The frames are those of the call, since the driver's lead to no caller.
    expect(error.stack).toContain('\n    at ');
    expect(error.message).not.toContain('other write errors');
    expect(error).not.toHaveProperty('results');
    expect(error).not.toHaveProperty('insertedDocs');
  });

  it('counts the rows that validation refused', () => {
    const row = rowOf(0);
    const raw = bulk([row], { mongoose: { results: [{}, row] } });
    const error = convertError(raw, modelOf(), { kind: 'rows' }) as UniqueValidationError;
    expect(error.validationErrors?.map(({ index }) => index)).toEqual([1]);
  });

  it('names at most five other errors', () => {
    const others = Array.from({ length: 7 }, (_, index) => ({ err: { index, code: 121 } }));
    const at = (count: number) =>
      (
        convertError(bulk([rowOf(9), ...others.slice(0, count)]), modelOf(), {
          kind: 'rows',
        }) as Error
      ).message;
    const five = '0 1 2 3 4'
      .split(' ')
      .map((index) => `row ${index} (code 121)`)
      .join(', ');
    expect(at(5).endsWith(`: ${five}`)).toBe(true);
    expect(at(7).endsWith(`: ${five} and 2 more`)).toBe(true);
  });

  it('leaves rows that no index explains with a note, once others are converted', () => {
    const onUnexplained = jest.fn();
    const left = rowOf(1, { errmsg: text('z_1', '{ : 1 }') });
    const error = convertError(bulk([rowOf(0), left]), modelOf({ onUnexplained }), {
      kind: 'rows',
    });
    expect(error).toHaveProperty('validationErrors.length', 1);
    expect((error as Error).message).toContain('other write errors: row 1 (code 11000)');
    const reason = expect.stringContaining('names the index z_1') as string;
    expect(onUnexplained.mock.calls).toEqual([[left, { reason }]]);
    const noted = rowOf(1, { errmsg: text('z_1', '{ : 1 }'), uniqueGuard: {} });
    convertError(bulk([rowOf(0), noted]), modelOf({ onUnexplained }), { kind: 'rows' });
    expect(onUnexplained).toHaveBeenCalledTimes(1);
    const all = bulk([rowOf(0, { errmsg: text('z_1', '{ : 1 }') })]);
    expect(convertError(all, modelOf(), { kind: 'rows' })).toBe(all);
    expect(all).toHaveProperty('uniqueGuard.reason', reason);
    expect(all.writeErrors[0]).not.toHaveProperty('uniqueGuard');
  });

  it("hides what the driver's object for a row has inside", () => {
    const err = rowOf(3);
    const raw = bulk([{ index: 3, err }, null as never]);
    convertError(raw, modelOf(), { kind: 'bulkWrite' });
    expect(raw).toMatchObject({ validationErrors: [{ index: 3 }] });
    expect(Object.keys(err)).toEqual(['index', 'code', 'errmsg']);
    expect(JSON.parse(JSON.stringify(raw))).toMatchObject({
      writeErrors: [{ index: 3, code: 11000 }],
    });
  });

  it('may have a single row, which is no list', () => {
    const raw = bulk(rowOf(3) as never);
    convertError(raw, modelOf(), { kind: 'bulkWrite' });
    expect(JSON.parse(JSON.stringify(raw))).toMatchObject({
      writeErrors: [{ index: 3, code: 11000 }],
    });
  });

  it('of bulkWrite stays the same object, decorated', () => {
    const rows = [rowOf(3, { op: op({ email: 'x' }) }), OTHER];
    const raw = bulk(rows);
    expect(convertError(raw, modelOf(), { kind: 'bulkWrite' })).toBe(raw);
    expect(raw).toMatchObject({
      errors: { email: {} },
      keyPattern: { email: 1 },
      keyValue: { email: 'x' },
    });
    expect(raw).toMatchObject({ validationErrors: [{ index: 3, operation: 'updateOne' }] });
    expect(raw.message).toBe(text('email_1'));
    expect(isUniqueValidationError(raw)).toBe(false);
    const { name, message, code } = raw;
    const shown = JSON.parse(JSON.stringify(raw)) as Doc;
    expect(shown).toMatchObject({
      name,
      message,
      code,
      writeErrors: [
        { index: 3, code: 11000 },
        { index: 7, code: 121 },
      ],
    });
    expect(JSON.stringify(shown)).not.toContain('"op"');
  });

  it('of bulkWrite hides values in its message and its copy of the answer', () => {
    const raw = bulk([rowOf(0)], { errorResponse: { errmsg: 'x' } });
    convertError(raw, modelOf({ hideValues: true }), { kind: 'bulkWrite' });
    expect(raw.message).toBe('E11000 duplicate key error (the value is hidden)');
    expect(raw.stack).toMatch(
      /^MongoBulkWriteError: E11000 duplicate key error \(the value is hidden\)\n {4}at /,
    );
    expect(Object.keys(raw)).not.toContain('errorResponse');
    const plain = bulk([rowOf(0)]);
    convertError(plain, modelOf({ hideValues: true }), { kind: 'bulkWrite' });
    expect(plain).not.toHaveProperty('errorResponse');
    const noError = Object.assign(
      Object.create(null) as Error,
      Object.fromEntries(Object.entries(bulk([rowOf(0)]))),
      { message: 'same' },
    );
    expect(convertError(noError, modelOf({ hideValues: true }), { kind: 'bulkWrite' })).toBe(
      noError,
    );
    expect(noError.message).toBe('same');
  });

  it('of bulkWrite that no index explains, or inside another error, stays as it is', () => {
    const left = bulk([rowOf(0, { errmsg: text('z_1', '{ : 1 }') })]);
    expect(convertError(left, modelOf(), { kind: 'bulkWrite' })).toBe(left);
    expect(left).toHaveProperty(
      'uniqueGuard.reason',
      expect.stringContaining('names the index z_1'),
    );
    const inside = Object.assign(new Error('in use'), {
      name: 'MongooseError',
      cause: bulk([rowOf(0)]),
    });
    expect(convertError(inside, modelOf(), { kind: 'bulkWrite' })).toBe(inside);
    expect(inside.cause).not.toHaveProperty('validationErrors');
  });

  it('is decorated once, but toValidationError converts it', () => {
    const raw = bulk([rowOf(0)]);
    const model = modelOf();
    convertError(raw, model, { kind: 'bulkWrite' });
    const { validationErrors } = raw as unknown as UniqueValidationError;
    convertError(raw, model, { kind: 'bulkWrite' });
    expect((raw as unknown as UniqueValidationError).validationErrors).toBe(validationErrors);
    expect(toValidationError(raw, model)).toHaveProperty('name', 'ValidationError');
  });
});

describe('isUniqueValidationError', () => {
  const model = modelOf();
  const error = convertError(duplicate(), model, WRITTEN) as UniqueValidationError;
  const other = model.base.model('Other', new Schema({}));
  it.each<[unknown, unknown, boolean]>([
    [error, undefined, true],
    [error, model, true],
    [error, 0, true],
    [error, other, false],
    [error, modelOf(), false],
    [{ errors: {}, name: 'ValidationError', code: 11000 }, undefined, true],
    [{ name: 'ValidationError', code: 11000 }, undefined, false],
    [{ name: 'ValidationError', errors: {} }, undefined, false],
    [{ name: 'Error', code: 11000, errors: {} }, undefined, false],
    [{ name: 'ValidationError', code: 11000, errors: {} }, model, false],
    [null, undefined, false],
    ['ValidationError', undefined, false],
  ])('of %p for %p is %p', (value, of, expected) => {
    expect(isUniqueValidationError(value, of as never)).toBe(expected);
  });
});

describe('stacks', () => {
  it('are off while an error is made, and on again, even after it throws', () => {
    const { stackTraceLimit } = Error;
    expect(withoutStack(() => new Error('a').stack)).toBe('Error: a');
    expect(() =>
      withoutStack(() => {
        throw new Error('b');
      }),
    ).toThrow('b');
    expect(Error.stackTraceLimit).toBe(stackTraceLimit);
  });

  it('of a captured place begin with its first frame', () => {
    expect(captureFrames()()).toMatch(/^\n {4}at /);
  });
});

describe('the explanation of', () => {
  const mongoose = new Mongoose();
  mongoose.set('autoIndex', false);
  const base = new Schema({
    email: { type: String, unique: true, sparse: true },
    a: { type: String },
    tags: [String],
    deletedAt: Date,
  });
  base.index({ a: 1 }, { unique: true });
  base.index({ a: 1, email: 1 }, { unique: true });
  base.index({ tags: 1 }, { unique: true });
  base.index({ gone: 1 } as never, { unique: true });
  base.index(
    { a: -1 },
    { unique: true, name: 'partial', partialFilterExpression: { a: { $gt: '' } } },
  );
  const model = mongoose.model('Thing', base) as unknown as AnyModel;
  const kind = mongoose.models['Thing']?.discriminator(
    'Kind',
    new Schema({ own: String, both: String }),
  );
  mongoose.model('Sharing', new Schema({ theirs: { type: String, unique: true } }), 'things');
  const flagged = mongoose.model(
    'Flagged',
    new Schema({ a: { type: String, unique: true }, is_deleted: Boolean }),
  ) as unknown as AnyModel;
  const plain = mongoose.model(
    'Plain',
    new Schema({ a: { type: String, unique: true } }),
  ) as unknown as AnyModel;

  const explain = (
    of: AnyModel,
    keyPattern: Doc | undefined,
    keyValue: Doc,
    name: string | undefined,
  ) =>
    explainUniqueIndexError(
      Object.assign(
        new Error(
          `E11000 duplicate key error${name === undefined ? '' : ` collection: db.${of.collection.name} index: ${name} dup key: { : 1 }`}`,
        ),
        {
          code: 11000,
          keyPattern,
          keyValue,
        },
      ),
      of,
    );

  const SOFT =
    'Documents that are marked as deleted by `deletedAt` count, too; to exclude them, index live ones only: partialFilterExpression: { deletedAt: null }, with default: null on that path.';
  it.each<[string, AnyModel, Doc | undefined, Doc, string | undefined, string]>([
    [
      'a second document',
      plain,
      { a: 1 },
      { a: 'x' },
      'a_1',
      'The unique index a_1 of Plain refused a second document with the same value of `a`.',
    ],
    [
      'an index without a name',
      plain,
      { a: 1 },
      { a: 'x' },
      undefined,
      'A unique index of Plain refused a second document with the same value of `a`.',
    ],
    [
      'two values, and a mark of deletion',
      model,
      { a: 1, email: 1 },
      { a: 'x', email: 'y' },
      'a_1_email_1',
      `The unique index a_1_email_1 of Thing refused a second document with the same values of \`a\`, \`email\`. ${SOFT}`,
    ],
    [
      'a mark that is a Boolean',
      flagged,
      { a: 1 },
      { a: 'x' },
      'a_1',
      'partialFilterExpression: { is_deleted: false }, with default: false on that path.',
    ],
    [
      'an _id, which has no partial filter',
      model,
      { _id: 1 },
      { _id: 1 },
      '_id_',
      'The unique index _id_ of Thing refused a second document with the same value of `_id`.',
    ],
    [
      'a partial index',
      model,
      { a: -1 },
      { a: 'x' },
      'partial',
      'The unique index partial of Thing refused a second document with the same value of `a`.',
    ],
    [
      'a missing value',
      plain,
      { a: 1 },
      { a: null },
      'a_1',
      "The unique index a_1 of Plain counts a missing value as null, so the second document without `a` fails. Make the path required, or index only documents with a value: partialFilterExpression: { a: { $type: 'string' } }.",
    ],
    [
      'a stored null in a sparse index',
      model,
      { email: 1 },
      { email: null },
      'email_1',
      "fails. Make the path required, or index only documents with a value: partialFilterExpression: { email: { $type: 'string' } } (sparse does not leave out a stored null).",
    ],
    [
      'an empty array',
      model,
      { tags: 1 },
      { tags: null },
      'tags_1',
      "An empty array counts as well, which required does not prevent. Index only documents with a value: partialFilterExpression: { tags: { $type: 'string' } }.",
    ],
    [
      'a declared path that the schema does not have',
      model,
      { gone: 1 },
      { gone: null },
      'gone_1',
      'The unique index gone_1 of Thing is on `gone`, a path that the schema does not have, so each new document counts as null there, and the second one fails. The schema declares this index: add the path to the schema, or remove the declaration.',
    ],
    [
      'a path that is left over',
      model,
      { old: 1 },
      { old: null },
      'old_1',
      "If no code writes that path any more, drop the index, which gives up its protection of the values that are stored: await Thing.collection.dropIndex('old_1'), or in mongosh db.getCollection('things').dropIndex('old_1').",
    ],
    [
      'paths that are left over',
      model,
      { old: 1, older: 1 },
      { old: null, older: null },
      undefined,
      'is on `old`, `older`, paths that the schema does not have, so each new document counts as null there, and the second one fails. If no code writes those paths any more, drop the index, which gives up its protection of the values that are stored: await Thing.collection.dropIndex(name).',
    ],
    [
      'a missing value of an index that is not declared',
      flagged,
      { is_deleted: 1 },
      { is_deleted: null },
      'd',
      "partialFilterExpression: { is_deleted: { $type: 'bool' } }.",
    ],
    [
      'paths of which a kind has one',
      model,
      { own: 1, old: 1 },
      { own: null, old: null },
      undefined,
      'await Thing.collection.dropIndex(name).',
    ],
    [
      'a path of a kind',
      model,
      { own: 1 },
      { own: null },
      'own_1',
      "is on `own`, a path that only documents of Kind have, so each document of another kind counts as null there, and the second one fails. Declare the index on the schema of the discriminator Kind: Mongoose then builds it with partialFilterExpression: { __t: 'Kind' }.",
    ],
    [
      'a path of a model that shares the collection',
      model,
      { theirs: 1 },
      { theirs: null },
      'theirs_1',
      "is on `theirs`, a path that only the model Sharing, which shares the collection, has, so each document without it counts as null there, and the second one fails. Limit the index to documents with a value: partialFilterExpression: { theirs: { $type: 'string' } }.",
    ],
    [
      'an index of a model that shares the collection',
      model,
      undefined,
      {},
      'theirs_1',
      'The server names the index theirs_1, which the schema of Thing does not declare. Sharing, which shares the collection, declares it.',
    ],
    [
      'an index that nothing declares',
      model,
      undefined,
      {},
      'z_1',
      "which the schema of Thing does not declare. Declare it: schema.index({ … }, { unique: true, name: 'z_1' }); or, if it is left over from a renamed or removed path, drop it once no code writes that path: await Thing.collection.dropIndex('z_1'), or in mongosh db.getCollection('things').dropIndex('z_1').",
    ],
    [
      'no index',
      model,
      undefined,
      {},
      undefined,
      'The server does not report which index was violated, and Thing has more than one that could be.',
    ],
  ])('%s', (_, of, keyPattern, keyValue, name, sentence) => {
    const text2 = explain(of, keyPattern, keyValue, name);
    expect(text2).toContain(sentence);
    expect(text2?.endsWith(sentence)).toBe(true);
    expect(kind).toBeDefined();
  });

  it.each<[Doc, Doc, string, string]>([
    [
      { a: 1 },
      { a: 'x' },
      'a_1',
      'The unique index a_1 of Thing could not be built: the collection things already holds documents with the same key, first a: "x". await',
    ],
    [
      { secret: 1, b: 1, c: 1 },
      { secret: 's', b: 1 },
      'i',
      'with the same key, first secret (hidden), b: 1, c. await Thing.auditUniqueIndexes() lists them; fix them, then build the index again, because nothing prevents duplicates until then.',
    ],
  ])('an index that could not be built: %j', (keyPattern, keyValue, name, sentence) => {
    const error = duplicate({ keyPattern, keyValue }, `Index build failed: ${text(name)}`);
    expect(explainUniqueIndexError(error, modelOf())).toContain(sentence);
    const bare = duplicate(
      { keyPattern: undefined },
      'Index build failed: E11000 duplicate key error',
    );
    expect(explainUniqueIndexError(bare, modelOf())).toContain(
      'A unique index of Thing could not be built: the collection things already holds documents with the same key. ',
    );
  });
});
