/** Makes a Mongoose schema of a random one. */
import { Schema } from 'mongoose';
import {
  defaultElements,
  TIMESTAMPS,
  toAlias,
  type Field,
  type HookSpec,
  type SchemaSpec,
} from './random-schema';
import type { Doc } from './writes';
import { isPlainObject } from '../../lib/upsert/prepare/paths-and-values';

const DEFAULTS: Record<string, unknown> = {
  String: 'd',
  Number: 9,
  Boolean: true,
  Date: new Date(9),
  ObjectId: '64b000000000000000000009',
  Buffer: 'd',
  UUID: '09190f70-3d30-11e5-8814-0f4df9a59c49',
  Decimal128: '9.0',
  BigInt: '9',
  Int32: 9,
  Double: 9.5,
  Mixed: { x: 9 },
};

type Hooked = Doc & {
  isNew: boolean;
  $locals: Doc;
  schema: Schema;
  toBSON(): Doc;
  isModified(path: string): boolean;
  parent?(): Hooked;
  ownerDocument?(): Hooked;
  set(path: string, value: unknown): void;
  get(path: string): unknown;
};

/** What each kind of middleware does to its document; it depends on the input alone. */
const DOES: Record<HookSpec['does'], (document: Hooked, texts: string[]) => void> = {
  hash: (document, texts) => {
    for (const path of texts) {
      const value = document[path];
      if (document.isModified(path) && value) document[path] = `#${value as string}`;
    }
  },
  made: (document) => {
    if (document.isNew) document['made'] = 'new';
  },
  mark: (document) => {
    document['mark'] = 'marked';
  },
  parent: (document) => {
    const parent = document.parent?.();
    if (parent) parent.set('byChild', 'parent');
  },
  owner: (document) => {
    document.ownerDocument?.().set('byOwned', 'owner');
  },
  locals: (document) => {
    document.$locals['wasNew'] = document.isNew;
  },
};

/** What `post('save')` middleware sees of its document, since the list was emptied. */
export const OBSERVED: string[] = [];

function observe(document: Hooked): void {
  if (isEmpty(document.schema, document.toBSON())) return;
  const { isNew, $locals, mark, made } = document;
  OBSERVED.push(JSON.stringify({ isNew, wasNew: $locals['wasNew'], mark, made }));
}

/**
 * An empty subdocument is not stored, so it is none after an upsert. Neither the time of its last change,
 * which a save sets by what was stored before, nor what `select: false` hides from the document that
 * saveOrUpsert returns can tell.
 */
function isEmpty(schema: Schema, values: object, prefix = ''): boolean {
  return Object.entries(values).every(([name, value]: [string, unknown]) => {
    const path = prefix + name;
    const { options } = (schema.path(path) as { options?: Doc } | undefined) ?? {};
    if (['updatedAt', 'changed_at'].includes(name) || options?.['select'] === false) return true;
    return isPlainObject(value) && isEmpty(schema, value, `${path}.`);
  });
}

export function toSchema(spec: SchemaSpec, extra: Doc = {}): Schema {
  const paths = Object.fromEntries(
    Object.entries(spec.fields).map(([name, field]) => [name, toPath(field, name)]),
  );
  const own = { made: String, mark: String, byChild: String, byOwned: String };
  const { timestamps, ...options } = spec.options;
  const schema = new Schema({ ...own, ...extra, ...paths } as never, {
    ...options,
    ...(timestamps && { timestamps: TIMESTAMPS[timestamps] as never }),
  }) as Schema;
  addHooks(schema, spec);
  for (const [name, kind] of Object.entries(spec.kinds)) {
    schema.discriminator(name, toKind(kind));
  }
  return schema;
}

function toKind(spec: SchemaSpec): Schema {
  const paths = Object.entries(spec.fields).map(([name, field]) => [name, toPath(field, name)]);
  const schema = new Schema(Object.fromEntries(paths) as never, { _id: false }) as Schema;
  addHooks(schema, spec);
  return schema;
}

function addHooks(schema: Schema, spec: SchemaSpec): void {
  const fields = Object.entries(spec.fields);
  const texts = fields.filter(([, { type }]) => type === 'String').map(([name]) => name);
  for (const { phase, operation, isAsync, name, does } of spec.hooks) {
    const act = phase === 'post' && operation === 'save' ? observe : DOES[does];
    const hook = isAsync
      ? async function (this: Hooked) {
          await Promise.resolve();
          act(this, texts);
        }
      : function (this: Hooked) {
          act(this, texts);
        };
    Object.defineProperty(hook, 'name', { value: name });
    if (phase === 'pre') schema.pre(operation, hook as never);
    else schema.post(operation, hook as never);
  }
}

const DEFAULT_FORMS: Record<
  NonNullable<Field['options']['default']>,
  (value: unknown) => unknown
> = { value: (value) => value, function: (value) => () => value, undefined: () => undefined };

function toPath(field: Field, name: string, above = ''): unknown {
  const { type, options, fields, schema, of } = field;
  const { default: byDefault, set, get, alias, ...others } = options;
  const declared = {
    ...others,
    ...(set && { set: (value: unknown) => (typeof value === 'string' ? `${value}!` : value) }),
    ...(get && { get: (value: unknown) => (typeof value === 'string' ? `${value}?` : value) }),
    ...(alias && { alias: above + toAlias(name) }),
  };
  const withDefault = (value: unknown) => byDefault && { default: DEFAULT_FORMS[byDefault](value) };
  switch (type) {
    case 'Nested':
      return Object.fromEntries(
        Object.entries(fields ?? {}).map(([child, one]) => [
          child,
          toPath(one, child, `${above}${name}.`),
        ]),
      );
    case 'Sub':
      return { type: toSchema(schema as SchemaSpec), ...withDefault({}) };
    case 'List':
      return {
        type: [toPath(of as Field, name)],
        ...declared,
        ...withDefault(defaultElements(field)),
      };
    case 'Map':
      return {
        type: Map,
        of: toPath(asInMap(of as Field), name),
        ...declared,
        ...withDefault(Object.fromEntries(defaultElements(field).map((value) => ['m9', value]))),
      };
    default:
      return { type: Schema.Types[type as 'String'], ...declared, ...withDefault(DEFAULTS[type]) };
  }
}

/** Mongoose refuses `select` inside of a Map, and so a discriminator key in a schema of discriminators. */
function asInMap(field: Field): Field {
  const options = { ...field.options };
  delete options.select;
  const all = (fields: Record<string, Field>) =>
    Object.fromEntries(Object.entries(fields).map(([name, one]) => [name, asInMap(one)]));
  const ofSchema = (schema: SchemaSpec): SchemaSpec => ({
    ...schema,
    fields: all(schema.fields),
    kinds: {},
  });
  return {
    ...field,
    options,
    ...(field.fields && { fields: all(field.fields) }),
    ...(field.schema && { schema: ofSchema(field.schema) }),
    ...(field.of && { of: asInMap(field.of) }),
  };
}
