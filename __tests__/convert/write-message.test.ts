import { Mongoose, Schema, Types } from 'mongoose';
import { toIndexErrors } from '../../lib/convert/to-validator-errors';
import type { AnyModel } from '../../lib/mongoose-internals';
import type { UniqueGuardOptions } from '../../lib/options/plugin-options';

/** Without an index name the server did not report it. */
interface Case {
  options?: UniqueGuardOptions;
  general?: unknown;
  unique?: unknown;
  paths?: string[];
  name?: string | undefined;
  value?: unknown;
}

function errorsOf({
  options = {},
  general,
  unique = true,
  paths = ['a'],
  value = 'x',
  ...more
}: Case) {
  const mongoose = new Mongoose();
  const messages = mongoose.Error.messages as unknown as { general: Record<string, unknown> };
  const before = messages.general['unique'];
  messages.general['unique'] = general;
  try {
    const schema = new Schema({ a: { type: String, unique: unique as never }, b: String });
    const model = mongoose.model('Thing', schema) as unknown as AnyModel;
    const keyPattern = Object.fromEntries(paths.map((path) => [path, 1]));
    const document = Object.fromEntries(paths.map((path) => [path, value]));
    const name = 'name' in more ? more.name : 'i';
    const reported = { keyValue: new Map<string, unknown>(), keyText: undefined, isPlain: true };
    const index = { name, keyPattern, isCollated: false };
    const errors = toIndexErrors(model, options, index, reported, { document, isComplete: true });
    return { ...errors, list: errors?.validatorErrors ?? [] };
  } finally {
    messages.general['unique'] = before;
  }
}
const messagesOf = (one: Case) => errorsOf(one).list.map(({ message }) => message);

const own = (message: string) => ({ indexes: { i: { message } } });

describe('the message', () => {
  it.each<[string, Case, string[]]>([
    ['by default', {}, ['Path `a` must be unique.']],
    [
      'by default, of a compound index',
      { paths: ['a', 'b'] },
      ['Paths `a`, `b` must be unique together.', 'Paths `a`, `b` must be unique together.'],
    ],
    ['of all models', { general: 'general' }, ['general']],
    ['of all models, by a function', { general: () => 'made' }, ['made']],
    ['of all models, if it is neither', { general: 5 }, ['Path `a` must be unique.']],
    ['of the plugin', { options: { message: 'plugin' }, general: 'general' }, ['plugin']],
    ['of the index', { options: { message: 'plugin', ...own('index') } }, ['index']],
    ['of another index', { options: own('index'), name: 'j' }, ['Path `a` must be unique.']],
    [
      'of an index without a name',
      { options: own('index'), name: undefined },
      ['Path `a` must be unique.'],
    ],
    [
      'of an index without a name, beside an option that looks like it',
      { options: { indexes: { undefined: { message: 'index' } } }, name: undefined },
      ['Path `a` must be unique.'],
    ],
    [
      'of an index with an inherited name',
      { options: own('index'), name: 'toString' },
      ['Path `a` must be unique.'],
    ],
    ['of the path', { unique: [true, 'path'], options: own('index') }, ['path']],
    ['of the path, if it is no string', { unique: [true, 5], options: own('index') }, ['index']],
    [
      'of the path, in a compound index',
      { unique: [true, 'path'], paths: ['a', 'b'], options: own('index') },
      ['index', 'index'],
    ],
  ])('%s', (_, one, messages) => {
    expect(messagesOf(one)).toEqual(messages);
  });

  const id = new Types.ObjectId();
  it.each<[string, unknown, string]>([
    ['{PATH} of {PATHS}, {KIND}, {INDEX}: {VALUE}', 'x', 'a of a, unique, i: x'],
    ['{OTHER} {path} {}', 'x', '{OTHER} {path} {}'],
    ['{VALUE}', '{PATH}', '{PATH}'],
    ['{VALUE}', '$&', '$&'],
    ['{VALUE}', null, 'null'],
    ['{VALUE}', 1.5, '1.5'],
    ['{VALUE}', true, 'true'],
    ['{VALUE}', Symbol('s'), 'Symbol(s)'],
    ['{VALUE}', 5n, '5'],
    ['{VALUE}', new Date(0), '1970-01-01T00:00:00.000Z'],
    ['{VALUE}', new Date(NaN), 'Invalid Date'],
    ['{VALUE}', id, id.toHexString()],
    ['{VALUE}', { b: [1n] }, '{"b":["1"]}'],
    ['{VALUE}', { m: new Map([['k', 1]]) }, '{"m":{"k":1}}'],
    ['{VALUE}', new Map([['k', 1]]), '{"k":1}'],
    ['{VALUE}', Object.assign(Object.create(null) as object, { b: 1 }), '{"b":1}'],
    ['{VALUE}', { toString: 'x' }, '{"toString":"x"}'],
  ])('the template %j with %p is %j', (message, value, text) => {
    expect(messagesOf({ options: { message }, value })).toEqual([text]);
  });

  it('has no text for a value that is hidden, and none for an index without a name', () => {
    const options = { message: '{INDEX}<{VALUE}>', hideValues: true } as const;
    expect(messagesOf({ options, name: undefined })).toEqual(['<>']);
  });

  it('of a function, which gets everything, is a string', () => {
    const message = jest.fn(() => 'made');
    expect(messagesOf({ options: { message, kind: 'k' }, paths: ['a', 'b'] })).toEqual([
      'made',
      'made',
    ]);
    expect(message).toHaveBeenLastCalledWith({
      path: 'b',
      paths: ['a', 'b'],
      value: 'x',
      kind: 'k',
      index: 'i',
      keyPattern: { a: 1, b: 1 },
      model: expect.any(Function) as unknown,
    });
    const none = () => messagesOf({ options: { message: (() => 5) as never } });
    expect(none).toThrow(TypeError);
    expect(none).toThrow('a message function returned number; it must return a string');
  });
});

describe('the errors of an index', () => {
  it.each<[UniqueGuardOptions, string]>([
    [{}, 'unique'],
    [{ kind: 'plugin' }, 'plugin'],
    [{ kind: 'plugin', indexes: { i: { kind: 'index' } } }, 'index'],
    [{ kind: 'plugin', indexes: { j: { kind: 'index' } } }, 'plugin'],
  ])('with %j are of the kind %s', (options, kind) => {
    expect(errorsOf({ options }).list.map((one) => one.kind)).toEqual([kind]);
  });

  it('are on the path of the option', () => {
    const at = (path: string) =>
      errorsOf({ paths: ['a', 'b'], options: { indexes: { i: { path } } } }).list.map((one) => [
        one.path,
        one.value as unknown,
      ]);
    expect(at('b')).toEqual([['b', 'x']]);
    expect(at('other')).toEqual([['other', undefined]]);
  });

  it('have the key, without hidden values', () => {
    const paths = ['a', 'b'];
    expect(errorsOf({ paths })).toMatchObject({
      keyPattern: { a: 1, b: 1 },
      keyValue: { a: 'x', b: 'x' },
      hidesValue: false,
    });
    const hidden = errorsOf({ paths, options: { hideValues: ['b'] } });
    expect(hidden).toMatchObject({ keyValue: { a: 'x', b: undefined }, hidesValue: true });
    expect(hidden.list.map((one) => one.value as unknown)).toEqual(['x', undefined]);
  });
});
