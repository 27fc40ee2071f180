/** Random schemas together with values for each of their paths, so that both shrink at once. */
import * as fc from 'fast-check';

/** How many inputs each schema has: for a new document and for updates. */
export const INPUTS = 3;

/** In an input: the path is not given. Prints as itself in a counterexample. */
export const ABSENT = '(not given)';

/** A path's declaration, with its value in each input. JSON, but for a few values. */
export interface Field {
  type: string;
  /** What the path itself is declared with. See defaultElements() for an array or a Map. */
  options: {
    default?: 'value' | 'function' | 'undefined';
    immutable?: true;
    select?: false;
    set?: true;
    get?: true;
    alias?: true;
  };
  /** Of the inputs; more for what lists and Maps hold. */
  values: unknown[];
  /** Of a nested object. */
  fields?: Record<string, Field>;
  /** Of a subdocument. */
  schema?: SchemaSpec;
  /** Of an array or a Map. */
  of?: Field;
}

export interface SchemaSpec {
  fields: Record<string, Field>;
  options: {
    minimize?: boolean;
    strict?: boolean | 'throw';
    versionKey?: false | string;
    timestamps?: keyof typeof TIMESTAMPS;
    _id?: false;
  };
  hooks: HookSpec[];
  /** Discriminators; a value of the schema may be one of them. */
  kinds: Record<string, SchemaSpec>;
}

export interface HookSpec {
  phase: 'pre' | 'post';
  operation: 'save' | 'validate';
  isAsync: boolean;
  name: string;
  does: (typeof ACTIONS)[number];
}

export const ACTIONS = ['hash', 'made', 'mark', 'parent', 'owner', 'locals'] as const;

export const TIMESTAMPS = {
  both: true,
  named: { createdAt: 'made_at', updatedAt: 'changed_at' },
  created: { updatedAt: false },
  updated: { createdAt: false },
  fixed: { currentTime: () => new Date(5) },
} as const;

const HEX = '64b00000000000000000000';

/** Castable values of each type, JSON where that is possible. */
const LEAVES: Record<string, unknown[]> = {
  String: ['a', 'b', '', ' c'],
  Number: [0, 1, -1.5, '7'],
  Boolean: [true, false],
  Date: ['2020-01-01', 0],
  ObjectId: [`${HEX}1`, `${HEX}2`],
  Buffer: ['x', 'yy'],
  UUID: ['09190f70-3d30-11e5-8814-0f4df9a59c41'],
  Decimal128: ['1.0', '1.00', '-0'],
  BigInt: ['5', '9007199254740993'],
  Int32: [1, 2],
  Double: [1, 1.5],
  // Keys of x, y and z keep their order where documents are compared.
  Mixed: [{}, { x: 1, y: {} }, { y: [1, { x: 2 }], x: null }, [1], [], 'text', { x: { $in: 1 } }],
};

const option = <T>(value: T) => fc.option(fc.constant(value), { nil: undefined, freq: 6 });

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

function withoutUndefined<T extends object>(object: T): Defined<T> {
  const entries = Object.entries(object).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as Defined<T>;
}

/** Absent half the time, and now and then null or undefined. */
const inputsOf = (value: fc.Arbitrary<unknown>, isNullable: boolean) =>
  fc.array(
    fc.oneof(
      { weight: 8, arbitrary: value },
      { weight: 6, arbitrary: fc.constant(ABSENT) },
      ...(isNullable ? [{ weight: 1, arbitrary: fc.constantFrom(null, undefined) }] : []),
    ),
    { minLength: INPUTS, maxLength: INPUTS },
  );

const anyDefault = fc.option(
  fc.constantFrom('value' as const, 'function' as const, 'undefined' as const),
  { nil: undefined, freq: 3 },
);

const leaf: fc.Arbitrary<Field> = fc
  .constantFrom(...Object.keys(LEAVES))
  .chain((type) =>
    fc.record({
      type: fc.constant(type),
      options: fc
        .record({
          default: anyDefault,
          immutable: option(true as const),
          select: option(false as const),
          set: type === 'String' ? option(true as const) : fc.constant(undefined),
          get: type === 'String' ? option(true as const) : fc.constant(undefined),
          alias: option(true as const),
        })
        .map(withoutUndefined),
      values: inputsOf(fc.constantFrom(...(LEAVES[type] as unknown[])), true),
    }),
  )
  .map((one) => ({
    ...one,
    // Undefined does not unset a path with a default, as the documentation says.
    values: one.values.map((value) =>
      value === undefined && (one.options.default ?? 'undefined') !== 'undefined' ? ABSENT : value,
    ),
  }));

/** The value of `field` in one of the inputs. */
export const valueOf = (field: Field, place: number): unknown => field.values[place];

/** The other name of a path; every second input has it. */
export const toAlias = (name: string): string => `${name}Alias`;

/** An object of the fields' values, absent ones left out. */
function objectOf(fields: Record<string, Field>, place: number): Record<string, unknown> {
  const entries = Object.entries(fields).map(([name, field]) => {
    const isByAlias = field.options.alias === true && place % 2 === 1;
    return [isByAlias ? toAlias(name) : name, valueOf(field, place)] as const;
  });
  return Object.fromEntries(entries.filter(([, value]) => value !== ABSENT));
}

const NAMES = ['a', 'b', 'c', 'd'];

const fieldsOf = (field: fc.Arbitrary<Field>, minimum = 1) =>
  fc
    .array(field, { minLength: minimum, maxLength: NAMES.length, size: '-1' })
    .map((list) => Object.fromEntries(list.map((one, place) => [NAMES[place] as string, one])));

const hook: fc.Arbitrary<HookSpec> = fc.record({
  phase: fc.constantFrom('pre', 'pre', 'post'),
  operation: fc.constantFrom('save', 'validate'),
  isAsync: fc.boolean(),
  name: fc.constantFrom('own', 'validateBeforeSave', 'timestampsPreSave', 'saveSubdocsPreSave'),
  does: fc.constantFrom(...ACTIONS),
});

const optionsOf = (isSub: boolean) =>
  fc
    .record({
      minimize: fc.option(fc.boolean(), { nil: undefined }),
      strict: fc.option(fc.constantFrom(true, false, 'throw' as const), {
        nil: undefined,
        freq: 3,
      }),
      versionKey: isSub
        ? fc.constant(undefined)
        : fc.option(fc.constantFrom(false as const, 'rev'), { nil: undefined, freq: 3 }),
      timestamps: fc.option(
        fc.constantFrom(...(Object.keys(TIMESTAMPS) as (keyof typeof TIMESTAMPS)[])),
        {
          nil: undefined,
          freq: 3,
        },
      ),
      _id: isSub
        ? fc.option(fc.constant(false as const), { nil: undefined, freq: 2 })
        : fc.constant(undefined),
    })
    .map(withoutUndefined);

const schemaOf = (field: fc.Arbitrary<Field>, isSub: boolean): fc.Arbitrary<SchemaSpec> => {
  const plain = fc.record({
    fields: fieldsOf(field),
    options: optionsOf(isSub),
    hooks: fc.array(hook, { maxLength: 2, size: '-1' }),
    kinds: fc.constant({}),
  });
  const kind = fc.record({
    fields: fieldsOf(field, 0),
    options: fc.constant({}),
    hooks: fc.array(hook, { maxLength: 2, size: '-1' }),
    kinds: fc.constant({}),
  });
  return fc.oneof(
    { weight: 3, arbitrary: plain },
    {
      weight: 1,
      arbitrary: fc
        .tuple(plain, kind, kind)
        .map(([base, A, B]) => ({ ...base, kinds: { A: renamed(A, 'k'), B: renamed(B, 'l') } })),
    },
  );
};

/** A discriminator's paths are none of its base. */
function renamed(schema: SchemaSpec, prefix: string): SchemaSpec {
  const entries = Object.entries(schema.fields).map(([name, field]) => [prefix + name, field]);
  return { ...schema, fields: Object.fromEntries(entries) as Record<string, Field> };
}

/** Which of the kinds a value is of; the base where there is none. */
const pickKind = (schema: SchemaSpec, pick: number) => {
  const names = ['', ...Object.keys(schema.kinds)];
  return names[pick % names.length] as string;
};

/** The input of one schema, the discriminator key included. */
export function inputOf(schema: SchemaSpec, place: number, pick: number): Record<string, unknown> {
  const kind = pickKind(schema, pick);
  const own = objectOf(schema.fields, place);
  if (kind === '') return own;
  return { ...own, ...objectOf((schema.kinds[kind] as SchemaSpec).fields, place), __t: kind };
}

const picks = fc.array(fc.nat({ max: 2 }), { minLength: INPUTS, maxLength: INPUTS });
const isGiven = fc.array(fc.constantFrom('given', 'given', ABSENT), {
  minLength: INPUTS,
  maxLength: INPUTS,
});

/**
 * A save of a loaded document loses an immutable path where the object around it is set, even to the same
 * value; an upsert keeps it. Those have tests of their own.
 */
const mutable = (fields: Record<string, Field>): Record<string, Field> =>
  Object.fromEntries(
    Object.entries(fields).map(([name, field]) => {
      const options = { ...field.options };
      delete options.immutable;
      return [name, { ...field, options }];
    }),
  );

const mutableSchema = (schema: SchemaSpec): SchemaSpec => ({
  ...schema,
  fields: mutable(schema.fields),
  kinds: Object.fromEntries(
    Object.entries(schema.kinds).map(([name, kind]) => [name, mutableSchema(kind)]),
  ),
});

/** Inside an array, a save drops an empty object of a Mixed value from a new document alone. */
const withoutEmpty = (value: unknown): unknown =>
  JSON.stringify([value]).includes('{}') ? ABSENT : value;

/**
 * `new Model({ nested: {} }).save()` fails with `val.keys is not a function` where the nested object holds a
 * Map of arrays that is not given; in Mongoose 8 outside of any promise, which ends the process.
 */
function withMapsOfLists(fields: Record<string, Field>): Record<string, Field> {
  const hasOne = ({ type, of, fields: below }: Field): boolean =>
    (type === 'Map' && of?.type === 'List') || Object.values(below ?? {}).some(hasOne);
  const entries = Object.entries(fields).map(([name, one]): [string, Field] => {
    if (!hasOne(one)) return [name, one];
    const empty = (place: number) => objectOf(one.fields ?? {}, place);
    const values = one.values.map((value, place) => (value === ABSENT ? empty(place) : value));
    return [name, { ...one, values }];
  });
  return Object.fromEntries(entries);
}

/** A path of any type; lists and Maps hold some of the values of what they hold, in an order of their own. */
const { field } = fc.letrec<{ field: Field }>((tie) => {
  const some = (size: number) =>
    fc.array(fc.array(fc.nat({ max: INPUTS - 1 }), { maxLength: size }), {
      minLength: INPUTS,
      maxLength: INPUTS,
    });
  const given = (isAbsent: string[], make: (place: number) => unknown) =>
    isAbsent.map((one, place) => (one === ABSENT ? ABSENT : make(place)));
  const elements = (of: Field, places: number[]) =>
    places.map((place) => of.values[place]).filter((value) => value !== ABSENT);
  /** What lists and Maps hold has no name, so that most options mean nothing there. */
  const element = tie('field')
    .filter((one) => one.type !== 'Nested' && one.type !== 'Map')
    .map((one) => ({ ...one, options: withoutUndefined({ set: one.options.set }) }))
    .map((one) => (one.type === 'Mixed' ? { ...one, values: one.values.map(withoutEmpty) } : one));
  return {
    field: fc.oneof(
      { maxDepth: 3, depthSize: 'small', withCrossShrink: true },
      { weight: 5, arbitrary: leaf },
      {
        weight: 2,
        arbitrary: fc
          .tuple(fieldsOf(tie('field')).map(mutable).map(withMapsOfLists), isGiven)
          .map(([fields, isAbsent]) => ({
            type: 'Nested',
            options: {},
            fields,
            values: given(isAbsent, (place) => objectOf(fields, place)),
          })),
      },
      {
        weight: 3,
        arbitrary: fc
          .tuple(
            schemaOf(tie('field'), true).map(mutableSchema),
            isGiven,
            picks,
            option('function' as const),
          )
          .map(([schema, isAbsent, pick, byDefault]) => ({
            type: 'Sub',
            options: byDefault ? { default: byDefault } : {},
            schema,
            values: given(isAbsent, (place) => inputOf(schema, place, pick[place] as number)),
          })),
      },
      {
        weight: 2,
        arbitrary: fc
          .tuple(element, some(3), isGiven, anyDefault)
          .map(([of, places, isAbsent, byDefault]) => ({
            type: 'List',
            options: byDefault ? { default: byDefault } : {},
            of,
            values: given(isAbsent, (place) => elements(of, places[place] as number[])),
          })),
      },
      {
        weight: 2,
        arbitrary: fc
          .tuple(element, some(2), isGiven, anyDefault)
          .map(([of, places, isAbsent, byDefault]) => ({
            type: 'Map',
            options: byDefault ? { default: byDefault } : {},
            of,
            values: given(isAbsent, (place) =>
              Object.fromEntries(
                elements(of, places[place] as number[]).map((value, key) => [
                  `m${String(key)}`,
                  value,
                ]),
              ),
            ),
          })),
      },
    ),
  };
});

/**
 * What the default of an array or a Map holds: at most one element. None where its middleware changes the
 * document around it: a save runs that of the stored elements, an upsert that of the default.
 */
export function defaultElements({ options, of }: Field): unknown[] {
  const isOutside = /"does":"(parent|owner)"/.test(JSON.stringify(of));
  if (options.default !== 'function' || isOutside) return [];
  const isGiven = (value: unknown) => value !== ABSENT && value !== null && value !== undefined;
  return (of?.values ?? []).filter(isGiven).slice(0, 1);
}

/** What becomes of a document that exists; the paths are some of the schema's. */
export type StrategySpec =
  | { kind: 'update' | 'skip' | 'replace' }
  | { kind: 'only' | 'except'; paths: string[] }
  | { kind: 'operators'; operators: (typeof OPERATORS)[number] };

/** Updates with operators, of paths that each schema has for them. */
export const OPERATORS = [
  { $inc: { hits: 2 } },
  { $min: { hits: '3' } },
  { $push: { tags: 't' } },
  { $addToSet: { tags: { $each: ['t', 'u'] } } },
  { $set: { mark: 'set' }, $unset: { byChild: 1 } },
  { $setOnInsert: { byOwned: 'first' }, $inc: { hits: 1 } },
] as const;

const strategy: fc.Arbitrary<StrategySpec> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'update' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'skip' as const }) },
  { weight: 2, arbitrary: fc.constant({ kind: 'replace' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constantFrom('only' as const, 'except' as const),
      paths: fc.uniqueArray(fc.constantFrom('mark', 'made', ...NAMES), {
        minLength: 1,
        maxLength: 4,
      }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('operators' as const),
      operators: fc.constantFrom(...OPERATORS),
    }),
  },
);

export interface Case {
  schema: SchemaSpec;
  /** Which kind the document is of. */
  pick: number;
  strategy: StrategySpec;
  /** The type of `_id`, which the inputs then give. */
  id?: (typeof IDS)[number] | undefined;
}

export const IDS = ['Number', 'String', 'Buffer', 'UUID', 'Decimal128', 'BigInt'] as const;

export const anyCase: fc.Arbitrary<Case> = fc
  .record({
    schema: schemaOf(field, false),
    pick: fc.nat({ max: 2 }),
    strategy,
    id: fc.option(fc.constantFrom(...IDS), { nil: undefined, freq: 6 }),
  })
  .map(withoutUndefined) as fc.Arbitrary<Case>;
