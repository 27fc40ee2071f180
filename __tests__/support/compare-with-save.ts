/** Stores the inputs of a random case by save() and by upserts, and compares what is stored. */
import assert from 'node:assert/strict';
import type { Mongoose } from 'mongoose';
import { uniqueGuard } from 'mongoose-unique-guard';
import { isPlainObject } from '../../lib/upsert/prepare/paths-and-values';
import { OBSERVED, toSchema } from './build-schema';
import {
  INPUTS,
  inputOf,
  toAlias,
  type Case,
  type Field,
  type HookSpec,
  type SchemaSpec,
} from './random-schema';
import type { AnyModel, Doc } from './writes';

const COLLECTION = 'things';
const STARTED = Date.now();

/** The document that the reference stores. */
const BY_SAVE = 'save';

/** The document whose values a replacement gets. */
const FRESH = 'fresh';

/** The documents that upserts store; two rows of one call. */
const BY_UPSERT = ['one', 'many', 'twin'];

export async function prepareComparison(mongoose: Mongoose): Promise<void> {
  await mongoose.connection.db?.createIndex(COLLECTION, { key: 1 }, { unique: true });
}

let count = 0;

/**
 * Compares after each input, up to the first that a save refuses: what upserts answer then has tests of
 * their own. Returns how many inputs were compared.
 */
export async function compareWithSave(mongoose: Mongoose, one: Case): Promise<number> {
  const things = mongoose.connection.collection(COLLECTION);
  await things.deleteMany({});
  const { model, done } = compile(mongoose, one);
  const hasTimesBelow = isTrueBelow(one.schema, hasTimestamps);
  try {
    let before: Doc | undefined;
    for (let place = 0; place < INPUTS; place += 1) {
      const input = (key: string): Doc => ({
        ...inputOf(one.schema, place, one.pick),
        ...(one.id && { _id: IDS_OF[one.id][[BY_SAVE, ...BY_UPSERT].indexOf(key)] }),
        key,
      });
      OBSERVED.length = 0;
      const expected = await store(model, one, input(BY_SAVE), before).catch(() => undefined);
      if (expected === undefined) return place;
      // Middleware of a stored subdocument runs where it is given.
      const isLeft = before !== undefined && isTrueBelow(one.schema, hasHook('locals'));
      const observed = takeObserved(isLeft);
      const answers = await upsert(model, one, input);
      const isSeen =
        one.strategy.kind !== 'operators' &&
        (before === undefined || !['skip', 'replace'].includes(one.strategy.kind));
      if (isSeen) {
        const all = BY_UPSERT.flatMap(() => observed).sort();
        assert.deepEqual(takeObserved(isLeft), all, `post('save') of input ${String(place)}`);
      }
      const stored = await readAll(model);
      for (const key of BY_UPSERT) {
        assert.equal(
          printed(model, stored[key], hasTimesBelow),
          printed(model, expected, hasTimesBelow),
          `input ${String(place)} by ${key}`,
        );
      }
      checkAnswers(model, one, answers, before, expected, stored);
      before = expected;
    }
    return INPUTS;
  } finally {
    done();
  }
}

/** For each document, in the order of their keys. */
const IDS_OF: Record<NonNullable<Case['id']>, unknown[]> = {
  Number: [1, 2.5, 3, -4, 5],
  String: ['a', 'b', 'c', 'd', 'e'],
  Buffer: ['a', 'b', 'c', 'd', 'e'].map((text) => Buffer.from(text)),
  UUID: ['1', '2', '3', '4', '5'].map((digit) => `09190f70-3d30-11e5-8814-0f4df9a59c4${digit}`),
  Decimal128: ['1.0', '2.00', '3', '4', '5'],
  BigInt: ['9007199254740993', '2', '3', '4', '5'],
};

/** One collection for all: creating one takes longer than all the rest. */
function compile(mongoose: Mongoose, { schema: spec, id, strategy }: Case) {
  count += 1;
  const schema = toSchema(spec, {
    key: { type: String, unique: true },
    ...(strategy.kind === 'operators' && {
      hits: { type: Number, default: 5 },
      tags: [String],
    }),
    ...(id && { _id: mongoose.Schema.Types[id] }),
  });
  schema.set('autoCreate', false);
  schema.plugin(uniqueGuard);
  const name = `Thing${String(count)}`;
  const model = mongoose.model(name, schema, COLLECTION) as unknown as AnyModel;
  const names = [name, ...Object.keys(model.discriminators ?? {})];
  return {
    model,
    done: () => {
      for (const one of names) mongoose.deleteModel(one);
    },
  };
}

function takeObserved(withoutLocals: boolean): string[] {
  const hidden = withoutLocals ? /,"wasNew":\w+/ : '';
  return OBSERVED.splice(0)
    .map((one) => one.replace(hidden, ''))
    .sort();
}

/* The upserts */

interface Answer {
  _id: unknown;
  created: boolean;
  changed: boolean | undefined;
}

async function upsert(
  model: AnyModel,
  { strategy, schema }: Case,
  input: (key: string) => Doc,
): Promise<Record<string, Answer>> {
  const options = { conflictTarget: 'key', onConflict: toOnConflict(strategy, schema) } as const;
  const [one = '', ...many] = BY_UPSERT;
  const { doc, created, changed } = await model.saveOrUpsert(input(one), options);
  const answer = { _id: (doc as { _id: unknown })._id, created, changed };
  const answers: Record<string, Answer> = { [one]: answer };
  const { results } = await model.saveOrUpsertMany(many.map(input), options);
  results.forEach((result, place) => {
    if (result.error) throw result.error;
    answers[many[place] as string] = result;
  });
  return answers;
}

function toOnConflict(strategy: Case['strategy'], schema: SchemaSpec) {
  switch (strategy.kind) {
    case 'only':
      return { only: known(strategy.paths, schema) };
    case 'except':
      return { except: known(strategy.paths, schema) };
    case 'operators':
      return strategy.operators as never;
    default:
      return strategy.kind;
  }
}

/** At least one: every schema has it. */
function known(paths: string[], { fields }: SchemaSpec): string[] {
  const all = new Set(['mark', 'made', ...Object.keys(fields)]);
  const some = paths.filter((path) => all.has(path));
  return some.length > 0 ? some : ['mark'];
}

/** What the calls say of their documents. */
function checkAnswers(
  model: AnyModel,
  { strategy, schema }: Case,
  answers: Record<string, Answer>,
  before: Doc | undefined,
  expected: Doc,
  stored: Record<string, Doc>,
): void {
  const isChanged =
    before === undefined ||
    !isSame(model, withoutTouched(model, before), withoutTouched(model, expected));
  for (const key of BY_UPSERT) {
    const { _id, created, changed } = answers[key] as Answer;
    assert.equal(created, before === undefined, `created by ${key}`);
    // A clock that stands still does not show a change.
    const isStill = schema.options.timestamps === 'fixed' && key === 'one';
    // The time of a subdocument that is given again is a change.
    const isShown = !isStill && !isTrueBelow(schema, hasTimestamps);
    if (changed !== undefined && isShown && strategy.kind !== 'operators') {
      assert.equal(changed, isChanged, `changed by ${key}`);
    }
    const hydrated = model.hydrate(promoted(model, stored[key] as Doc)) as unknown as {
      _id: unknown;
    };
    assert.equal(toClassName(_id), toClassName(hydrated._id), `class of _id by ${key}`);
    assert.equal(String(_id), String(hydrated._id), `_id by ${key}`);
  }
}

/* The reference */

/** Stores an input as `save()`, or another way without upserts, would; returns what is stored then. */
async function store(
  model: AnyModel,
  one: Case,
  input: Doc,
  before: Doc | undefined,
): Promise<Doc> {
  const { strategy, schema } = one;
  if (before === undefined) {
    await new model(input).save();
    if (strategy.kind === 'operators') await applyToNew(model, strategy.operators);
    return readOne(model);
  }
  if (strategy.kind !== 'update') await new model(input).validate();
  switch (strategy.kind) {
    case 'skip':
      return before;
    case 'replace':
      return replace(model, one, input, before);
    case 'operators':
      await model.updateOne({ key: BY_SAVE }, strategy.operators as never);
      return readOne(model);
    case 'update':
      return update(model, input, before, () => true);
    case 'only': {
      requireNoOthers(schema);
      const paths = [...known(strategy.paths, schema)];
      return update(model, input, before, (path) => paths.includes(path));
    }
    case 'except': {
      requireNoOthers(schema);
      const paths = known(strategy.paths, schema);
      return update(model, input, before, (path) => !paths.includes(path));
    }
  }
}

/** What middleware of a path that is not written does to another one is written. */
function requireNoOthers(schema: SchemaSpec): void {
  if (isTrueBelow(schema, hasHook('parent', 'owner', 'locals'))) throw new Error('no reference');
}

/** A new document has neither the defaults nor the given values of what operators write. */
async function applyToNew(model: AnyModel, operators: Doc): Promise<void> {
  const { $setOnInsert, $set, ...others } = operators as Record<string, Doc>;
  const all = { ...others, ...(($set ?? $setOnInsert) && { $set: { ...$setOnInsert, ...$set } }) };
  const paths = Object.values(all).flatMap((fields) => Object.keys(fields));
  const unset = Object.fromEntries(paths.map((path) => [path, 1]));
  await model.collection.updateOne({ key: BY_SAVE }, { $unset: unset } as never);
  await model.updateOne({ key: BY_SAVE }, all, { timestamps: false });
}

/** Loads it, sets the input, marks each given path as modified and saves. */
async function update(
  model: AnyModel,
  input: Doc,
  before: Doc,
  isWritten: (path: string) => boolean,
): Promise<Doc> {
  const document = load(model, before);
  const alias = new Map(
    Object.keys(model.schema.paths).map((path) => [toAlias(path), path] as const),
  );
  const entries = Object.entries(input).filter(([name]) => isWritten(alias.get(name) ?? name));
  document.set(Object.fromEntries(entries));
  for (const [name, value] of entries) {
    // What cannot be set was not given.
    const path = alias.get(name) ?? name;
    const type = (document.$__schema as AnyModel['schema']).path(path) as
      { options: Doc } | undefined;
    if (type?.options['immutable']) continue;
    document.markModified(path);
    markBelow(document as unknown as Owner, path, value);
  }
  await document.save();
  const after = await readOne(model);
  const times = timesOf(model);
  const kept = Object.keys({ ...before, ...after }).filter(
    (path) => !isWritten(path) && path !== '_id' && !times.includes(path),
  );
  const written = { ...after };
  for (const path of kept) {
    if (Object.hasOwn(before, path)) written[path] = before[path];
    else Reflect.deleteProperty(written, path);
  }
  return keep(model, before, after, written);
}

interface Owner {
  $isSubdocument?: true;
  get(path: string): unknown;
  markModified(path: string): void;
}

/** The subdocuments of a given one; one that is equal to what is stored would not be validated. */
function markBelow(owner: Owner, path: string, value: unknown): void {
  if (!isPlainObject(value)) return;
  const found = owner.get(path) as Owner | null | undefined;
  const isSubdocument = found?.$isSubdocument ?? false;
  if (isSubdocument) owner.markModified(path);
  for (const [name, below] of Object.entries(value)) {
    if (found && isSubdocument) markBelow(found, name, below);
    else markBelow(owner, `${path}.${name}`, below);
  }
}

/** Mongoose 9 has renamed the method. */
function changesOf(document: InstanceType<AnyModel>): object {
  return '$getChanges' in document ? document.$getChanges() : document.getChanges();
}

/** Not by a query, which would leave out what `select: false` hides. */
function load(model: AnyModel, stored: Doc): InstanceType<AnyModel> {
  const document = model.hydrate(promoted(model, stored)) as unknown as InstanceType<AnyModel>;
  // A save stores the defaults of what is not stored, an upsert only in a new document. Without `minimize`
  // of the document, it also stores an empty default of a subdocument that has it.
  const { minimize } = model.schema.options;
  const loaded = minimize === false ? document.toObject({ minimize: false }) : document.toBSON();
  const hasDefaults = printed(model, loaded as Doc) !== printed(model, stored);
  // Mongoose 8 saves the default of an array in a default subdocument of a discriminator again.
  const hasChanges = Object.keys(changesOf(document)).length > 0;
  if (hasDefaults || hasChanges) throw new Error('no reference');
  return document;
}

/** The input as a new document, with what `'replace'` keeps of the stored one. */
async function replace(model: AnyModel, one: Case, input: Doc, before: Doc): Promise<Doc> {
  // Which subdocuments are new, only an update of a loaded document says.
  const hasHooks = isTrueBelow(one.schema, ({ hooks }) => hooks.length > 0);
  if (hasHooks && readsIsNew(one.schema)) throw new Error('no reference');
  const id = one.id && { _id: IDS_OF[one.id].at(-1) };
  await new model({ ...input, ...id, key: FRESH }).save();
  const fresh = await readOne(model, FRESH);
  await model.collection.deleteOne({ key: FRESH });
  const { versionKey } = model.schema.options;
  const version = typeof versionKey === 'string' ? versionKey : '';
  const isKept = (path: string) =>
    ['_id', 'key', 'createdAt', 'made_at', '__t', version].includes(path) ||
    isImmutable(one.schema, path);
  const kept = Object.entries(before).filter(([path]) => isKept(path));
  const written: Doc = { ...fresh, key: BY_SAVE, ...Object.fromEntries(kept) };
  // Middleware made it of a document that is new.
  delete written['made'];
  const isRaised = version !== '' && Object.values(fresh).some(Array.isArray);
  if (isRaised) written[version] = new model.base.mongo.BSON.Int32(Number(before[version]) + 1);
  return keep(model, before, fresh, written);
}

/** Is this true of a schema inside of this one, at any depth? */
function isTrueBelow(
  { fields, kinds }: SchemaSpec,
  isTrue: (schema: SchemaSpec) => boolean,
): boolean {
  const inField = ({ schema, fields: nested, of }: Field): boolean =>
    (schema !== undefined && inSchema(schema)) ||
    (of !== undefined && inField(of)) ||
    Object.values(nested ?? {}).some(inField);
  const inSchema = (spec: SchemaSpec): boolean =>
    [spec, ...Object.values(spec.kinds)].some(isTrue) || isTrueBelow(spec, isTrue);
  const below = [fields, ...Object.values(kinds).map((kind) => kind.fields)];
  return below.some((one) => Object.values(one).some(inField));
}

const hasHook =
  (...does: HookSpec['does'][]) =>
  ({ hooks }: SchemaSpec) =>
    hooks.some((hook) => does.includes(hook.does));

const hasTimestamps = ({ options }: SchemaSpec) => options.timestamps !== undefined;

/** Mongoose asks for its own timestamps, too. */
function readsIsNew(schema: SchemaSpec): boolean {
  const reads = hasHook('made', 'locals');
  const own = [schema, ...Object.values(schema.kinds)].some(reads);
  return own || isTrueBelow(schema, (one) => reads(one) || hasTimestamps(one));
}

function isImmutable({ fields, kinds }: SchemaSpec, path: string): boolean {
  const all = [fields, ...Object.values(kinds).map((kind) => kind.fields)];
  return all.some((one) => one[path]?.options.immutable === true);
}

/** Marking what is given as modified makes `save()` write it; where nothing is another, an upsert leaves it. */
async function keep(model: AnyModel, before: Doc, after: Doc, written: Doc): Promise<Doc> {
  const isUnchanged = isSame(model, withoutTouched(model, before), withoutTouched(model, written));
  const expected = isUnchanged ? before : written;
  if (expected !== after) await model.collection.replaceOne({ key: BY_SAVE }, expected);
  return expected;
}

/** The names of the version key and of `updatedAt`, whatever they are. */
function timesOf(model: AnyModel): string[] {
  const { versionKey } = model.schema.options;
  return ['updatedAt', 'changed_at', typeof versionKey === 'string' ? versionKey : '__v'];
}

function withoutTouched(model: AnyModel, document: Doc): Doc {
  const names = timesOf(model);
  const entries = Object.entries(document).filter(([name]) => !names.includes(name));
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isSame(model: AnyModel, a: Doc, b: Doc): boolean {
  const { EJSON } = model.base.mongo.BSON;
  const [one, other] = [a, b].map((document) => EJSON.stringify(document, { relaxed: false }));
  return one === other;
}

async function readOne(model: AnyModel, key = BY_SAVE): Promise<Doc> {
  const stored = await model.collection.findOne({ key }, { promoteValues: false });
  return stored as unknown as Doc;
}

async function readAll(model: AnyModel): Promise<Record<string, Doc>> {
  const filter = { key: { $in: BY_UPSERT } };
  const documents = await model.collection.find(filter, { promoteValues: false }).toArray();
  return Object.fromEntries(documents.map((document) => [String(document['key']), document]));
}

/** As a plain read returns it. */
function promoted({ base }: AnyModel, document: Doc): Doc {
  const { BSON } = base.mongo;
  return BSON.deserialize(BSON.serialize(document));
}

/* What is compared */

/**
 * Byte for byte, but for the key, ids that Mongoose made, and the time. Without the times of subdocuments'
 * last changes, nor objects that hold nothing else: a save sets them by what was stored before, an upsert
 * each time that the subdocument is given.
 */
function printed({ base }: AnyModel, document: Doc | undefined, dropsEmpty = false): string {
  const { EJSON } = base.mongo.BSON;
  const rest = JSON.parse(EJSON.stringify(document, { relaxed: false })) as Doc;
  delete rest['key'];
  delete rest['_id'];
  return JSON.stringify(comparable(rest, dropsEmpty, true));
}

function comparable(value: unknown, dropsEmpty: boolean, isTop = false): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => comparable(one, dropsEmpty));
  const { $oid, $date } = value as { $oid?: string; $date?: { $numberLong: string } };
  // Those of the inputs and defaults begin so.
  if ($oid !== undefined) return $oid.startsWith('64b0000000') ? value : 'id';
  if ($date !== undefined) return Number($date.$numberLong) >= STARTED - 1000 ? 'now' : value;
  const isTime = (name: string) => !isTop && ['updatedAt', 'changed_at'].includes(name);
  const entries = Object.entries(value)
    .filter(([name]) => !isTime(name))
    .map(([name, one]) => [name, comparable(one, dropsEmpty)] as const)
    .filter(([, one]) => one !== undefined);
  if (entries.length === 0 && dropsEmpty) return undefined;
  // The server orders the paths of an update by their names; what is written as a whole keeps its order.
  const isOrdered = entries.some(([name]) => /^[$xyz]/.test(name));
  return Object.fromEntries(isOrdered ? entries : entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

const toClassName = (value: unknown) => (value as object).constructor.name;
