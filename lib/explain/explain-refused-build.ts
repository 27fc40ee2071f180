/**
 * Explains why the server refuses to build an index: an unsupported partial filter or a shard key (67, 224),
 * or another index with the same name or keys (85, 86). Pure.
 */
import { dropCommand } from '../convert/explain-duplicate';
import type { AnyModel } from '../mongoose-internals';
import type { ShardKey } from '../schema/shard-key';
import {
  findUniqueIndexes,
  readDeclaredFilters,
  schemasOfCollection,
} from '../schema/unique-index';
import { explainSharded, nameIndex } from './explain-sharded';
import { findRefusedExpression, type RefusedExpression } from './refused-expression';

/** One or two sentences; undefined for any other error. */
export function explainRefusedBuild(
  error: Record<string, unknown>,
  model: AnyModel | undefined,
): string | undefined {
  const { code, message } = error;
  if (typeof message !== 'string') return undefined;
  if (code === 67 || code === 224) {
    return explainShardedError(message, model) ?? explainExpressionError(message, model);
  }
  return code === 85 || code === 86 ? explainConflict(message, model) : undefined;
}

const UNIQUE = 'cannot create unique index over ';
const SHARDED = ' with shard key pattern ';

function explainShardedError(message: string, model: AnyModel | undefined): string | undefined {
  const start = message.indexOf(UNIQUE);
  const middle = message.indexOf(SHARDED, start);
  if (start < 0 || middle < 0) return undefined;
  const end = message.indexOf('}', middle) + 1;
  const paths = [...parseSpec(message.slice(start + UNIQUE.length, middle)).keys()];
  const shardKey = parseSpec(message.slice(middle + SHARDED.length, end));
  const declared = model === undefined ? [] : findUniqueIndexes(model);
  const index = declared.find(({ keyPattern }) => Object.keys(keyPattern).join() === paths.join());
  const entries = [...shardKey].map(([path, kind]) => [
    path,
    kind.includes('hashed') ? 'hashed' : Number(kind),
  ]);
  return explainSharded(index?.name, model, paths, Object.fromEntries(entries) as ShardKey);
}

/** The wording differs between MongoDB 4.4 and 6.0; other errors share a part of the second wording. */
function explainExpressionError(message: string, model: AnyModel | undefined): string | undefined {
  const isOld = message.includes('unsupported expression in partial index');
  const isOfFilter =
    isOld ||
    message.includes('xpression not supported in partial index') ||
    (message.includes('partialFilterExpression') &&
      message.endsWith(' is not allowed in this context'));
  if (!isOfFilter) return undefined;
  const [, named] = / name: "([^"]*)"/.exec(message) ?? [];
  const found = model && explainDeclaredFilter(model, named, isOld);
  if (found !== undefined) return found;
  return (
    `${nameIndex(named)} cannot be built: its partialFilterExpression has an operator that partial indexes do not ` +
    'support. Supported are equality, $gt, $gte, $lt, $lte, $type, $exists: true, $and, and from MongoDB 6.0 ' +
    '$or and $in.'
  );
}

/** Undefined if no declared index, of the name that the server reports, has such an expression. */
function explainDeclaredFilter(
  model: AnyModel,
  named: string | undefined,
  isOld: boolean,
): string | undefined {
  const schemas = schemasOfCollection(model);
  for (const { name, filter } of schemas.flatMap((schema) => readDeclaredFilters(schema))) {
    const refused = findRefusedExpression(filter, schemas, isOld);
    if (refused && (named === undefined || named === name)) {
      return explainExpression(name, model, refused);
    }
  }
  return undefined;
}

export function explainExpression(
  name: string,
  model: AnyModel,
  { what, instead }: RefusedExpression,
): string {
  return `${nameIndex(name, model)} cannot be built: partial indexes do not support ${what}. ${instead}`;
}

const REQUESTED = 'Requested index: ';
const EXISTING = ', existing index: ';

function explainConflict(message: string, model: AnyModel | undefined): string {
  const [, otherName] = /already exists with a different name: (\S+)$/.exec(message) ?? [];
  if (otherName !== undefined) return explainOtherName(otherName, model);
  const [, byName] = /Index with name: (.+?) already exists/.exec(message) ?? [];
  const [requested, existing] = parseSpecs(message);
  const name = existing.get('name')?.replace(/^"(.*)"$/, '$1') ?? byName;
  const differences = [...new Set([...requested.keys(), ...existing.keys()])]
    .filter((option) => !IGNORED.includes(option) && requested.get(option) !== existing.get(option))
    .map(
      (option) =>
        `${option}: ${requested.get(option) ?? 'none'}, not ${existing.get(option) ?? 'none'}`,
    );
  return explainBlocked(name, model, differences);
}

/** Options that the server or the driver adds to an index. */
const IGNORED = ['v', 'background', 'ns'];

/** An index on the same keys exists under another name. */
function explainOtherName(name: string, model: AnyModel | undefined): string {
  return (
    `An index cannot be built: the collection has one on the same keys, named ${name}. Give the declared ` +
    `index that name if their options are the same (name: '${name}'); otherwise ${replaceCommands(name, model)}.`
  );
}

/** Another index has the name or the keys. `differences` lists how the declared one differs from it. */
export function explainBlocked(
  name: string | undefined,
  model: AnyModel | undefined,
  differences: string[],
): string {
  const list = differences.length === 0 ? '' : ` (declared ${differences.join('; ')})`;
  return (
    `${nameIndex(name, model)} cannot be built: the collection has an index of that name with other keys or ` +
    `options${list}. Replace it: ${replaceCommands(name, model)}${differences.join() === NOT_UNIQUE ? IN_PLACE : ''}.`
  );
}

/** The difference of an index that is not unique. */
export const NOT_UNIQUE = 'unique: true, not none';
const IN_PLACE =
  '; MongoDB 6.0 and later also convert it in place (collMod with prepareUnique, then unique)';

function replaceCommands(name: string | undefined, model: AnyModel | undefined): string {
  const modelName = model?.modelName ?? 'Model';
  const drop = dropCommand(modelName, name);
  return `${drop}; await ${modelName}.createIndexes()`;
}

type Spec = Map<string, string>;

function parseSpecs(message: string): [requested: Spec, existing: Spec] {
  const start = message.indexOf(REQUESTED);
  const middle = message.indexOf(EXISTING, start);
  if (start < 0 || middle < 0) return [new Map(), new Map()];
  return [
    parseSpec(message.slice(start + REQUESTED.length, middle)),
    parseSpec(message.slice(middle + EXISTING.length)),
  ];
}

/** The outermost entries of a printed object such as `{ v: 2, key: { a: 1 } }`. */
function parseSpec(text: string): Spec {
  const spec: Spec = new Map();
  let depth = 0;
  let entry = '';
  for (const character of text) {
    if (character === '}' || character === ']') depth -= 1;
    if (depth === 0 || (depth === 1 && character === ',')) {
      addEntry(spec, entry);
      entry = '';
    } else entry += character;
    if (character === '{' || character === '[') depth += 1;
  }
  return spec;
}

function addEntry(spec: Spec, entry: string): void {
  const end = entry.indexOf(': ');
  if (end > 0) spec.set(entry.slice(0, end).trim(), entry.slice(end + ': '.length).trim());
}
