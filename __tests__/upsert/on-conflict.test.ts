import { findConflictRule } from '../../lib/upsert/on-conflict';

describe('the forms of onConflict', () => {
  it.each<[unknown, object]>([
    [undefined, { kind: 'update' }],
    ['update', { kind: 'update' }],
    ['skip', { kind: 'skip' }],
    ['replace', { kind: 'replace' }],
    [{ only: ['a'] }, { kind: 'only', paths: ['a'] }],
    [{ except: ['a', 'b'] }, { kind: 'except', paths: ['a', 'b'] }],
    [{ except: [] }, { kind: 'except', paths: [] }],
    [{ $inc: { n: 1 } }, { kind: 'operators', operators: { $inc: { n: 1 } } }],
    [
      { $inc: { n: 1 }, $set: {} },
      { kind: 'operators', operators: { $inc: { n: 1 }, $set: {} } },
    ],
  ])('%j', (onConflict, rule) => {
    expect(findConflictRule(onConflict)).toEqual(rule);
  });

  it.each([
    [{}],
    [[]],
    [null],
    ['merge'],
    [true],
    [() => 1],
    [{ only: [] }],
    [{ only: 'a' }],
    [{ except: 'a' }],
    [{ only: [1] }],
    [{ except: [1] }],
    [{ only: ['a'], except: ['b'] }],
    [{ only: ['a'], $inc: { n: 1 } }],
    // An update that mixes operators and plain paths, in either order.
    [{ $inc: { n: 1 }, name: 'x' }],
    [{ name: 'x', $inc: { n: 1 } }],
    [{ name: { first: 'x' } }],
    [{ $inc: 1 }],
    [{ $inc: { n: 1 }, $set: 1 }],
    [{ $inc: null }],
  ])('none is %j', (onConflict) => {
    expect(findConflictRule(onConflict)).toBeUndefined();
  });
});
