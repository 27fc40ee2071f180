import { Schema } from 'mongoose';
import { findPathTypes, hasPath } from '../../lib/schema/find-path-types';
import type { AnySchema, PathType } from '../../lib/mongoose-internals';

/** A schema of any shape; its paths are marked by a name in their options, to tell them apart. */
const schema = (definition: object, options: object = {}): AnySchema =>
  new Schema(definition as never, { _id: false, ...options }) as never;

const string = (mark: string) => ({ type: String, mark });

/** A schema with the kinds A and B, each with a path `x` of its own. */
function kinds(): AnySchema {
  return schema({ kind: String }, { discriminatorKey: 'kind' });
}

interface WithKinds {
  discriminator(name: string, schema: AnySchema): void;
}

function addKinds(of: AnySchema, path: string, inner: (kind: string) => object): void {
  const type = of.path(path) as unknown as WithKinds;
  for (const kind of ['A', 'B']) type.discriminator(kind, schema(inner(kind)));
}

const marksOf = (types: PathType[]): string[] => [
  ...new Set(
    types.flatMap(({ options }) => {
      const mark = (options as { mark?: string } | undefined)?.mark;
      return mark === undefined ? [] : [mark];
    }),
  ),
];

/** The marks of what a path meets. */
function walk(of: AnySchema, path: string) {
  const { at, above, below, isOpen } = findPathTypes(of, path);
  return { at: marksOf(at), above: marksOf(above), below: marksOf(below), isOpen };
}

const NOTHING = { at: [], above: [], below: [], isOpen: false };

const plain = schema({
  name: string('name'),
  nested: { a: string('nested.a'), deep: { b: string('nested.deep.b') } },
  sub: { type: schema({ c: string('sub.c') }), mark: 'sub' },
  any: { type: Schema.Types.Mixed, mark: 'any' },
  open: {},
  ref: { type: Schema.Types.ObjectId, ref: 'Other', mark: 'ref' },
  refs: { type: [{ type: Schema.Types.ObjectId, ref: 'Other', mark: 'refs.*' }], mark: 'refs' },
});

describe('a path of', () => {
  it.each<[string, string, Partial<typeof NOTHING> | object]>([
    ['a value', 'name', { at: ['name'] }],
    ['a nested object', 'nested.a', { at: ['nested.a'] }],
    ['a nested object as a whole', 'nested', { below: ['nested.a', 'nested.deep.b'] }],
    ['a subdocument', 'sub.c', { at: ['sub.c'], above: ['sub'] }],
    ['a subdocument as a whole', 'sub', { at: ['sub'], below: ['sub.c'] }],
    ['a value of type Mixed', 'any.a.b', { above: ['any'], isOpen: true }],
    ['an object without a definition', 'open.a', { isOpen: true }],
    ['a reference', 'ref', { at: ['ref'] }],
    ['an array of references', 'refs', { at: ['refs', 'refs.*'] }],
    ['an element of such an array', 'refs.0', { at: ['refs.*'], above: ['refs'] }],
  ])('%s is found: %s', (_, path, expected) => {
    expect(walk(plain, path)).toEqual({ ...NOTHING, ...expected });
    expect(hasPath(plain, path)).toBe(true);
  });

  it.each([
    'other',
    'names',
    'nam',
    'name.a',
    'name.0',
    'nested.z',
    'nested.deep.b.c',
    'sub.z',
    'sub.0.c',
    'ref._id',
    'refs.0.a',
    '',
  ])('no kind is not found: %j', (path) => {
    expect(findPathTypes(plain, path)).toMatchObject({ at: [], below: [], isOpen: false });
    expect(hasPath(plain, path)).toBe(false);
  });
});

it('nothing else is found', () => {
  expect(findPathTypes(plain, 'other')).toEqual(NOTHING);
  const { at, above, below } = findPathTypes(plain, 'sub');
  expect([at.length, above.length, below.length]).toEqual([1, 0, 1]);
  expect(findPathTypes(plain, 'nested').below).toHaveLength(2);
  expect(findPathTypes(arrays, 'list').below).toHaveLength(1);
});

const arrays = schema({
  values: { type: [string('values.*')], mark: 'values' },
  list: { type: [schema({ x: string('list.x') })], mark: 'list' },
  grid: { type: [[string('grid.**')]], mark: 'grid' },
  table: { type: [[schema({ x: string('table.x') })]], mark: 'table' },
  cube: { type: [[[schema({ x: string('cube.x') })]]], mark: 'cube' },
  mixed: { type: [], mark: 'mixed' },
});

describe('in arrays, and arrays of arrays', () => {
  it.each<[string, object]>([
    ['values', { at: ['values', 'values.*'] }],
    ['values.3', { at: ['values.*'], above: ['values'] }],
    ['list', { at: ['list'], below: ['list.x'] }],
    ['list.0', { above: ['list'], below: ['list.x'] }],
    ['list.x', { at: ['list.x'], above: ['list'] }],
    ['list.12.x', { at: ['list.x'], above: ['list'] }],
    ['grid', { at: ['grid', 'grid.**'] }],
    ['grid.0', { at: ['grid.**'], above: ['grid'] }],
    ['grid.0.1', { at: ['grid.**'], above: ['grid'] }],
    ['table.x', { at: ['table.x'], above: ['table'] }],
    ['table.0.x', { at: ['table.x'], above: ['table'] }],
    ['table.0.1.x', { at: ['table.x'], above: ['table'] }],
    ['cube.0.1.2.x', { at: ['cube.x'], above: ['cube'] }],
    ['mixed.0.any', { above: ['mixed'], isOpen: true }],
  ])('%s', (path, expected) => {
    expect(walk(arrays, path)).toMatchObject(expected);
    expect(hasPath(arrays, path)).toBe(true);
  });

  it.each(['list.z', 'list.0.z', 'values.0.a', 'table.0.1.z', 'grid.0.1.a'])(
    'the path %s is not found',
    (path) => {
      expect(hasPath(arrays, path)).toBe(false);
    },
  );
});

const maps = schema({
  strings: { type: Map, of: string('strings.*'), mark: 'strings' },
  docs: { type: Map, of: schema({ x: string('docs.x') }), mark: 'docs' },
  lists: { type: Map, of: [string('lists.*.*')], mark: 'lists' },
  any: { type: Map, mark: 'any' },
});

describe('in Maps, any key and $* are the same', () => {
  it.each<[string, object]>([
    ['strings', { at: ['strings', 'strings.*'] }],
    ['strings.$*', { at: ['strings.*'], above: ['strings'] }],
    ['strings.some', { at: ['strings.*'], above: ['strings'] }],
    ['strings.0', { at: ['strings.*'], above: ['strings'] }],
    ['docs.$*.x', { at: ['docs.x'], above: ['docs'] }],
    ['docs.some.x', { at: ['docs.x'], above: ['docs'] }],
    ['docs.some', { below: ['docs.x'], above: ['docs'] }],
    ['lists.some.0', { at: ['lists.*.*'], above: ['lists'] }],
    ['lists.some', { at: ['lists.*.*'], above: ['lists'] }],
    ['any.some.more', { isOpen: true }],
  ])('%s', (path, expected) => {
    expect(walk(maps, path)).toMatchObject(expected);
    expect(hasPath(maps, path)).toBe(true);
  });

  it.each(['docs.some.z', 'docs.x.z', 'strings.some.more'])('the path %s is not found', (path) => {
    expect(hasPath(maps, path)).toBe(false);
  });
});

describe('in embedded discriminators, each kind has its own paths', () => {
  const embedded = schema({
    one: { type: kinds(), mark: 'one' },
    list: { type: [kinds()], mark: 'list' },
    outer: schema({ list: [kinds()] }),
  });
  for (const path of ['one', 'list']) {
    addKinds(embedded, path, (kind) => ({
      shared: string(`${path}.${kind}.shared`),
      [`only${kind}`]: string(`${path}.only${kind}`),
      nested: { deep: string(`${path}.${kind}.deep`) },
    }));
  }
  const outer = embedded.path('outer') as unknown as { schema: AnySchema };
  addKinds(outer.schema, 'list', (kind) => ({ x: string(`outer.${kind}.x`) }));

  it.each<[string, string[]]>([
    ['one.shared', ['one.A.shared', 'one.B.shared']],
    ['one.onlyA', ['one.onlyA']],
    ['one.onlyB', ['one.onlyB']],
    ['one.nested.deep', ['one.A.deep', 'one.B.deep']],
    ['list.shared', ['list.A.shared', 'list.B.shared']],
    ['list.2.onlyA', ['list.onlyA']],
    ['list.nested.deep', ['list.A.deep', 'list.B.deep']],
    ['outer.list.x', ['outer.A.x', 'outer.B.x']],
    ['outer.list.0.x', ['outer.A.x', 'outer.B.x']],
  ])('%s', (path, marks) => {
    expect(walk(embedded, path).at).toEqual(marks);
    expect(hasPath(embedded, path)).toBe(true);
  });

  it('and the whole subdocument holds those of all kinds', () => {
    expect(walk(embedded, 'one').below).toEqual(
      expect.arrayContaining(['one.onlyA', 'one.onlyB', 'one.A.deep', 'one.B.deep']),
    );
    expect(walk(embedded, 'outer').below).toEqual(
      expect.arrayContaining(['outer.A.x', 'outer.B.x']),
    );
  });

  it.each(['one.onlyC', 'list.0.onlyC', 'outer.list.y'])('the path %s is not found', (path) => {
    expect(hasPath(embedded, path)).toBe(false);
  });
});

it('a schema that contains itself is walked once', () => {
  const comment = schema({ text: string('text') });
  comment.add({ replies: [comment] } as never);
  const post = schema({ comments: [comment] });
  expect(walk(post, 'comments').below).toEqual(['text']);
  expect(walk(post, 'comments.0.replies.1.replies.text').at).toEqual(['text']);
  expect(hasPath(post, 'comments.replies.z')).toBe(false);
});
