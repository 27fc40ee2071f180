import { Schema } from 'mongoose';
import { toProblemDetails, type ProblemDetails } from 'mongoose-unique-guard';
import { modelFactory } from '../support/compile';
import { useDatabase } from '../support/database';
import { WRITES } from '../support/writes';

const mongoose = useDatabase();
const compile = modelFactory(mongoose);

const rejection = (write: Promise<unknown>): Promise<unknown> =>
  write.then(
    (value) => {
      throw new Error(`resolved to ${String(value)}`);
    },
    (error: unknown) => error,
  );

const secret = 'secret-value@example.org';

describe.each(WRITES.filter(({ shape }) => shape !== 'bulkWrite'))(
  'of a duplicate in $name',
  ({ run, shape, writes }) => {
    it('is 409 with a pointer to the path, and shows neither value nor index nor model', async () => {
      const model = await compile(
        new Schema({ email: { type: String, unique: [true, 'Email taken'] }, other: String }),
      );
      await model.create({ email: secret });
      const existing = await model.create({ email: 'b@example.org' });
      const error = await rejection(run(model, { email: secret, other: 'x' }, existing._id));
      expect(writes).toMatch(/new|existing/);
      const problem = toProblemDetails(error);
      expect(problem).toEqual({
        type: 'about:blank',
        title: 'Conflict',
        status: 409,
        detail: 'Email taken',
        errors: [
          {
            detail: 'Email taken',
            pointer: shape === 'rows' ? '#/0/email' : '#/email',
            kind: 'unique',
          },
        ],
      });
      expect(JSON.stringify(problem)).not.toMatch(/secret|email_1|Model\d/);
    });
  },
);

it("is undefined for bulkWrite's own error, until that is converted", async () => {
  const model = await compile(new Schema({ email: { type: String, unique: true } }));
  const insert = { insertOne: { document: { email: 'a' } } };
  const error = await rejection(model.bulkWrite([insert, insert]));
  expect(toProblemDetails(error)).toBeUndefined();
});

describe('of invalid input', () => {
  const person = new Schema({
    name: { type: String, required: [true, 'Enter a name'] },
    age: { type: Number, min: 18 },
    born: { type: Date, cast: 'Enter a date' },
    contacts: [{ email: { type: String, required: true } }],
    address: new Schema({ city: { type: String, required: true } }),
    scores: { type: Map, of: Number },
    'odd/name~ä %': { type: String, required: [true, 'odd'] },
  });

  it('is 422 with an entry for each path, messages as configured, no value of a failed cast', async () => {
    const model = await compile(person);
    const input = {
      age: secret,
      born: secret,
      contacts: [{ email: 'a' }, {}],
      address: {},
      scores: { web: secret },
    };
    const error = await rejection(model.create(input));
    const { errors, ...problem } = toProblemDetails(error) as ProblemDetails;
    expect(problem).toMatchObject({
      type: 'about:blank',
      title: 'Unprocessable Entity',
      status: 422,
    });
    const byPointer = [...errors].sort((a, b) => (a.pointer < b.pointer ? -1 : 1));
    expect(byPointer).toEqual([
      { pointer: '#/address/city', kind: 'required', detail: 'Path `city` is required.' },
      { pointer: '#/age', kind: 'Number', detail: 'Path `age` is not a valid Number.' },
      { pointer: '#/born', kind: 'date', detail: 'Enter a date' },
      { pointer: '#/contacts/1/email', kind: 'required', detail: 'Path `email` is required.' },
      { pointer: '#/name', kind: 'required', detail: 'Enter a name' },
      { pointer: '#/odd~1name~0%C3%A4%20%25', kind: 'required', detail: 'odd' },
      {
        pointer: '#/scores/web',
        kind: 'Number',
        detail: 'Path `scores.web` is not a valid Number.',
      },
    ]);
    expect(problem.detail.endsWith(' …')).toBe(true);
    expect(JSON.stringify([problem, errors])).not.toMatch(/secret|Model\d/);
  });

  it('keeps the message of min, which its template fills with the value', async () => {
    const error = await rejection(
      (await compile(person)).create({ name: 'A', age: 3, 'odd/name~ä %': 'x' }),
    );
    const message = 'Path `age` (3) is less than minimum allowed value (18).';
    expect(toProblemDetails(error)).toMatchObject({ status: 422, detail: message });
  });
});

it('has one message of both paths once in its detail, and each path in errors', async () => {
  const schema = new Schema({ tenant: String, slug: String });
  schema.index({ tenant: 1, slug: 1 }, { unique: true });
  const model = await compile(schema);
  await model.create({ tenant: 'a', slug: 'b' });
  const problem = toProblemDetails(await rejection(model.create({ tenant: 'a', slug: 'b' })));
  expect(problem?.detail).toBe('Paths `tenant`, `slug` must be unique together.');
  expect(problem?.errors.map(({ pointer }) => pointer)).toEqual(['#/tenant', '#/slug']);
});

it('is 409 with a kind of your own, and for the error of another plugin with kind unique', async () => {
  const schema = new Schema({ email: { type: String, unique: true } });
  const model = await compile(schema, { kind: 'taken' });
  await model.create({ email: 'a' });
  const error = await rejection(model.create({ email: 'a' }));
  expect(toProblemDetails(error)).toMatchObject({ status: 409, errors: [{ kind: 'taken' }] });

  const foreign = new mongoose.Error.ValidationError();
  const unique = { path: 'email', message: 'taken', type: 'unique' };
  foreign.addError('email', new mongoose.Error.ValidatorError(unique));
  expect(toProblemDetails(foreign)?.status).toBe(409);
  const required = { path: 'name', message: 'missing', type: 'required' };
  foreign.addError('name', new mongoose.Error.ValidatorError(required));
  expect(toProblemDetails(foreign)?.status).toBe(422);
});

describe('of insertMany', () => {
  const schema = () =>
    new Schema({ email: { type: String, unique: true, required: true }, age: Number });
  const row = (n: number) => ({ email: `row-${String(n)}` });

  it('has one entry for each row that is a duplicate, in the order of the rows', async () => {
    const model = await compile(schema());
    await model.create(row(17), row(2));
    const rows = Array.from({ length: 20 }, (_, n) => row(n));
    const error = await rejection(model.insertMany(rows, { ordered: false }));
    const problem = toProblemDetails(error);
    expect(problem?.status).toBe(409);
    expect(problem?.errors.map(({ pointer }) => pointer)).toEqual(['#/2/email', '#/17/email']);
  });

  it('has the rows that validation refused too, and is 422 then', async () => {
    const model = await compile(schema());
    await model.create(row(2));
    const error = await rejection(
      model.insertMany([row(0), { age: 1 }, row(2)], { ordered: false, rawResult: true }),
    );
    const problem = toProblemDetails(error);
    expect(problem?.status).toBe(422);
    expect(problem?.errors.map(({ pointer, kind }) => [pointer, kind])).toEqual([
      ['#/1/email', 'required'],
      ['#/2/email', 'unique'],
    ]);
  });

  it('has the rows that the server refused otherwise, without what the server said', async () => {
    const model = await compile(schema());
    await model.create(row(2));
    const { connection } = mongoose;
    await connection.db?.command({
      collMod: model.collection.name,
      validator: { email: { $ne: 'row-1' } },
    });
    const error = await rejection(
      model.insertMany([{ age: 1 }, row(1), row(2), row(3)], { ordered: false }),
    );
    expect(toProblemDetails(error)).toMatchObject({
      status: 422,
      errors: [
        { pointer: '#/0/email', kind: 'required' },
        { pointer: '#/1', kind: 'write', detail: 'This row could not be stored.' },
        { pointer: '#/2/email', kind: 'unique' },
      ],
    });
  });
});

it.each([
  ['none', undefined, []],
  ['a single one', { index: 5 }, ['#/5']],
])("goes by the plugin's rows where the driver's list has %s", (_, writeErrors, others) => {
  const errors = { email: { message: 'taken', kind: 'unique' } };
  const validationErrors = [{ index: 3, errors }];
  const error = { name: 'ValidationError', code: 11000, errors, validationErrors, writeErrors };
  expect(toProblemDetails(error)?.errors.map(({ pointer }) => pointer)).toEqual([
    '#/3/email',
    ...others,
  ]);
});

describe('is undefined for', () => {
  class ValidationError extends Error {
    override name = 'ValidationError';
    constructor(readonly errors?: unknown) {
      super('not of Mongoose');
    }
  }
  it.each([
    ['undefined', undefined],
    ['null', null],
    ['a string', 'ValidationError'],
    ['an Error', new Error('x')],
    ["a server's error", Object.assign(new Error('E11000'), { code: 11000 })],
    ['a ValidationError without errors (Joi)', new ValidationError()],
    ['one with a list (yup, Ajv)', new ValidationError(['email is required'])],
    ['one with a list of objects', new ValidationError([{ message: 'x' }])],
    ['one with strings by path', new ValidationError({ email: 'is required' })],
    ['one with null by path', new ValidationError({ email: null })],
    ['an error that wraps one', new Error('x', { cause: new ValidationError({}) })],
  ])('%s', (_, error) => {
    expect(toProblemDetails(error)).toBeUndefined();
  });

  it('a CastError of Mongoose', () => {
    const { CastError } = mongoose.Error;
    expect(toProblemDetails(new CastError('ObjectId', 'x', '_id'))).toBeUndefined();
  });
});

it('is 422 for a ValidationError that names no path', () => {
  const error = new mongoose.Error.ValidationError();
  expect(toProblemDetails(error)).toMatchObject({ status: 422, detail: '', errors: [] });
});

it('names what a validator threw by its class, and an error without a name', () => {
  const error = new mongoose.Error.ValidationError();
  Object.assign(error.errors, { a: new RangeError('too far'), b: { message: 'no' } });
  expect(toProblemDetails(error)?.errors.map(({ kind }) => kind)).toEqual(['RangeError', 'Error']);
});

it.each([
  ['__proto__', '#/__proto__'],
  ['a//b', '#/a~1~1b'],
  ['~01', '#/~001'],
  ['a b"<>', '#/a%20b%22%3C%3E'],
  ['\uD800', '#/%EF%BF%BD'],
  ['😀', '#/%F0%9F%98%80'],
  ['a..b', '#/a//b'],
])('points to %j as %s, which decodes to the same names', (path, pointer) => {
  const error = new mongoose.Error.ValidationError();
  Object.defineProperty(error.errors, path, { value: { message: 'x' }, enumerable: true });
  expect(toProblemDetails(error)?.errors[0]?.pointer).toBe(pointer);
  const names = decodeURIComponent(pointer.slice(2)).split('/');
  const decoded = names.map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'));
  expect(decoded.join('.')).toBe(path.replace('\uD800', '\uFFFD'));
});

describe('options', () => {
  const error = new mongoose.Error.ValidationError();

  it('set type, title, instance and status', () => {
    const options = {
      type: 'https://example.org/problems/invalid',
      title: 'Invalid',
      instance: '/users/1',
      status: 400,
    };
    expect(toProblemDetails(error, options)).toMatchObject(options);
    expect(toProblemDetails(error, { status: 400 })).toMatchObject({ title: 'Bad Request' });
    expect(toProblemDetails(error, { status: 499 })).toMatchObject({ title: 'HTTP status 499' });
    expect(Object.keys(toProblemDetails(error, {}) ?? {})).not.toContain('instance');
  });

  it.each([
    [
      { status: 200 },
      'toProblemDetails: options.status is 200; it must be a whole number from 400 to 599.',
    ],
    [
      { title: '' },
      'toProblemDetails: options.title is ""; it must be a string that is not empty.',
    ],
    [{ detail: 'x' }, 'toProblemDetails: options has no "detail"'],
    [null, 'toProblemDetails: options is null; it must be an object'],
  ])('%j is a TypeError, whatever the error is', (options, message) => {
    for (const one of [error, undefined]) {
      expect(() => toProblemDetails(one, options as never)).toThrow(message);
    }
  });
});
