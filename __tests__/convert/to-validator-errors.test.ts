import { Mongoose, Schema } from 'mongoose';
import { toIndexErrors } from '../../lib/convert/to-validator-errors';
import type { AnyModel } from '../../lib/mongoose-internals';

const model = new Mongoose().model('Thing', new Schema({ a: String })) as unknown as AnyModel;
const PROTO = '__proto__';

const errorsOn = (...paths: string[]) => {
  const keyPattern = Object.fromEntries(paths.map((path) => [path, 1]));
  const document = Object.fromEntries(paths.map((path) => [path, 'x']));
  const index = { name: 'i', keyPattern, isCollated: false };
  const reported = { keyValue: new Map<string, unknown>(), keyText: undefined, isPlain: true };
  return toIndexErrors(model, {}, index, reported, { document, isComplete: true });
};

describe('the errors of an index', () => {
  it.each([[[PROTO]], [[PROTO, 'a']], [['a', PROTO]], [['a', 'b', PROTO]], [[]]])(
    'none can be made of the paths %j',
    (paths) => {
      expect(errorsOn(...paths)).toBeUndefined();
    },
  );

  it.each([[['a']], [['a', 'b']], [['constructor']], [['proto']]])('made of %j', (paths) => {
    expect(errorsOn(...paths)?.validatorErrors.map(({ path }) => path)).toEqual(paths);
  });
});
