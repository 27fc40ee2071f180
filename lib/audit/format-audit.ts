/** An audit's report for a terminal. Pure. */
import { isObjectId } from '../bson/same-value';
import { dropInShell } from '../convert/explain-duplicate';
import { isObject } from '../options/is-object';
import type { AuditedIndex, UniqueIndexAudit } from './audit-model';
import type { IndexDifference } from './compare-indexes';
import type { IndexSpec } from './declared-index';
import type { Blocking, BlockingGroup } from './find-blocking';
import type { LeftoverIndex } from './find-undeclared';
import { isOfMissingValues } from './advise-optional';

/**
 * The report of `Model.auditUniqueIndexes()`, or several, as a string for a terminal or a log: a line for
 * each index and, for each problem, what to do next. No colours; stored values are escaped, so
 * that they cannot control the terminal. Values that are hidden in errors are not in the report, nor here.
 *
 * @param audits one report, or a list of them
 * @throws TypeError where it is given something else, such as the promise of a report
 *
 * @example
 * console.log(formatAudit(await User.auditUniqueIndexes()));
 */
export function formatAudit(audits: UniqueIndexAudit | readonly UniqueIndexAudit[]): string {
  const list = Array.isArray(audits)
    ? (audits as UniqueIndexAudit[])
    : [audits as UniqueIndexAudit];
  list.forEach(checkAudit);
  const blocks = [...list.map(formatOne), summarize(list)];
  return blocks.map((lines) => lines.map(escapeControls).join('\n')).join('\n\n');
}

function checkAudit(audit: unknown): void {
  if (isObject(audit) && Array.isArray(audit['indexes'])) return;
  throw new TypeError(
    `formatAudit: the report is ${toText(audit)}; it must be what Model.auditUniqueIndexes() resolves ` +
      'to, so await that first.',
  );
}

function formatOne(audit: UniqueIndexAudit): string[] {
  const { model, collection, indexes, undeclared, leftover } = audit;
  const rows = [
    ...indexes.map((index) => ({ index, result: toResult(index), more: explain(audit, index) })),
    ...undeclared.map((index) => ({ index, result: 'undeclared', more: adviseDeclaring(index) })),
    ...leftover.map((index) => ({
      index,
      result: 'leftover',
      more: explainLeftover(audit, index),
    })),
  ];
  const width = widthOf(rows.map(({ index }) => index.name));
  const patternWidth = widthOf(rows.map(({ index }) => showObject(index.keyPattern)));
  return [
    `${model} (collection ${collection})`,
    ...rows.flatMap(({ index, result, more }) => [
      `  ${index.name.padEnd(width)}  ${showObject(index.keyPattern).padEnd(patternWidth)}  ${result}`,
      ...more.map((line) => `      ${line}`),
    ]),
    ...(rows.length === 0 ? ['  no unique indexes are declared'] : []),
  ];
}

function widthOf(column: string[]): number {
  return Math.min(40, Math.max(...column.map(({ length }) => length)));
}

function toResult({ status, blocking, notExamined }: AuditedIndex): string {
  if (notExamined !== undefined) return `${status}, not examined`;
  if (blocking === undefined || isFree(blocking)) return status;
  const { keys, documents, unindexable = 0 } = blocking;
  const parts = [
    ...(keys > 0 ? [`${count(keys, 'key')} in ${count(documents, 'document')}`] : []),
    ...(unindexable > 0 ? [`${count(unindexable, 'document')} with two arrays`] : []),
  ];
  return `${status}, blocked by ${parts.join(' and ')}`;
}

const isFree = ({ keys, unindexable = 0 }: Blocking): boolean => keys + unindexable === 0;

function explain(audit: UniqueIndexAudit, index: AuditedIndex): string[] {
  const {
    differences = [],
    obstacle,
    blocking,
    missingValues,
    deletedDocuments,
    notExamined,
  } = index;
  const paths = Object.keys(index.keyPattern);
  return [
    ...differences.map(showDifference),
    ...(obstacle === undefined ? [] : [obstacle]),
    ...(blocking?.groups ?? []).map((group) => showGroup(group, paths)),
    ...(blocking && blocking.keys > blocking.groups.length
      ? [`… ${count(blocking.keys - blocking.groups.length, 'more key')}`]
      : []),
    ...(missingValues === undefined ? [] : [`Missing values count as null. ${missingValues}`]),
    ...(deletedDocuments === undefined ? [] : [deletedDocuments]),
    ...(notExamined === undefined ? [] : [`${notExamined}.`]),
    ...advise(audit, index),
  ];
}

/** What to do next. Never to give up an index that prevents duplicates. */
function advise({ model }: UniqueIndexAudit, index: AuditedIndex): string[] {
  const { status, differences = [], blocking, notExamined, name } = index;
  if (status === 'ok') return [];
  if (status === 'building') {
    return ['Next: wait, and audit again. Until it is built, nothing prevents duplicates.'];
  }
  const steps = [
    ...(blocking && hasDuplicates(index, blocking)
      ? ['decide for each key which document keeps it, and merge, change or delete the others']
      : []),
    ...(blocking?.unindexable ? ['leave one array on the paths of the index, or none'] : []),
  ];
  if (status === 'cannot be built') steps.push('follow the advice above, and audit again');
  else if (notExamined !== undefined) steps.push('see whether the server can build it');
  else if (status === 'missing') steps.push(`await ${model}.createIndexes()`);
  else if (status === 'not unique') {
    steps.push(
      `replace the index ${name}, which prevents no duplicates, by the unique one ` +
        `(MongoDB 6.0 and later convert it in place: collMod with prepareUnique, then unique)`,
    );
  } else if (differences.every(({ option }) => option === 'name')) {
    const [actual] = differences.map((one) => String(one.actual));
    steps.push(`give the schema's index the name it has: name: ${show(actual)}`);
  } else {
    steps.push(
      'where the database is right, change the schema; where the schema is right, give its index a ' +
        `name of its own and await ${model}.createIndexes(), while the other still prevents duplicates`,
    );
  }
  return steps.map((step, index) => `${index === 0 ? 'Next' : 'Then'}: ${step}.`);
}

/** Documents without a value are not to be merged, where the path is optional. */
function hasDuplicates({ missingValues }: AuditedIndex, { keys, groups }: Blocking): boolean {
  const optional = missingValues === undefined ? 0 : groups.filter(isOfMissingValues).length;
  return keys > optional;
}

/** What it does to new documents, what it still protects, and both ways out. */
function explainLeftover(
  { model, collection }: UniqueIndexAudit,
  { name, keyPattern, absentPaths, documents, sparse, partialFilterExpression }: LeftoverIndex,
): string[] {
  const paths = absentPaths.map(show).join(', ');
  const isLimited = sparse === true || partialFilterExpression !== undefined;
  return [
    isLimited
      ? `The schema does not have ${paths}; of the new documents the index holds those that its options select.`
      : `The schema does not have ${paths}, so each new document counts as null there, and the second one fails.`,
    `${count(documents, 'document')} ${documents === 1 ? 'has' : 'have'} a value there.`,
    `Next: if no code writes ${paths} any more, drop the index${documents === 0 ? '' : LOSS}: ` +
      `await ${model}.collection.dropIndex(${show(name)}), or in mongosh ${dropInShell(collection, name)}.`,
    ...(documents > 0 && absentPaths.length === 1 ? [adviseRenaming(model, paths)] : []),
    `Otherwise: add ${paths} to the schema, and declare the index: ${showDeclaration(keyPattern, name)}.`,
  ];
}

const LOSS = ', which gives up its protection of these values';

/** After the drop: under the index, the second document without the old path is a duplicate. */
function adviseRenaming(model: string, path: string): string {
  return (
    `If the path was renamed, move the values after that: await ${model}.collection.updateMany(` +
    `{ "newPath": { $exists: false } }, { $rename: { ${path}: "newPath" } }).`
  );
}

function adviseDeclaring({ keyPattern, name }: IndexSpec): string[] {
  return [
    `Next: declare it, so that errors of bulk writes are explained: ${showDeclaration(keyPattern, name)}.`,
  ];
}

function showDeclaration(keyPattern: IndexSpec['keyPattern'], name: string): string {
  return `schema.index(${showObject(keyPattern)}, { unique: true, name: ${show(name)} })`;
}

function showDifference({ option, declared, actual }: IndexDifference): string {
  const say = (value: unknown): string => (value === undefined ? 'none' : show(value));
  return `${option}: the schema says ${say(declared)}, the database ${say(actual)}`;
}

function showGroup({ key, count: total, ids }: BlockingGroup, paths: string[]): string {
  const parts = paths.map(
    (path) => `${path}: ${Object.hasOwn(key, path) ? show(key[path]) : '(hidden)'}`,
  );
  const more = total > ids.length ? `, … ${total - ids.length} more` : '';
  return `{ ${parts.join(', ')} } in ${count(total, 'document')}: ${ids.map(show).join(', ')}${more}`;
}

function summarize(audits: UniqueIndexAudit[]): string[] {
  const indexes = audits.flatMap((audit) => audit.indexes);
  const bad = indexes.filter(({ status }) => status !== 'ok').length;
  if (indexes.length === 0) return ['No unique index is declared.'];
  const leftovers = audits.flatMap(({ leftover }) => leftover).length;
  return [
    bad === 0
      ? `${indexes.length === 1 ? 'The 1 unique index is' : `All ${indexes.length} unique indexes are`} as declared.`
      : `${bad} of ${count(indexes.length, 'unique index', 'unique indexes')} not as declared.`,
    ...(leftovers === 0 ? [] : [`${count(leftovers, 'leftover index', 'leftover indexes')}.`]),
  ];
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

function showObject(object: Record<string, unknown>): string {
  const parts = Object.entries(object).map(([name, value]) => `${name}: ${show(value)}`);
  return `{ ${parts.join(', ')} }`;
}

const MAX_LENGTH = 80;

/** As mongosh takes it, where that is short. */
function show(value: unknown): string {
  const text = toText(value);
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}

function toText(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (typeof value !== 'object' || value === null) return String(value);
  if (value instanceof Date) return `ISODate(${JSON.stringify(value)})`;
  if (isObjectId(value)) return `ObjectId("${value.toHexString()}")`;
  if (Array.isArray(value)) return `[${value.map(toText).join(', ')}]`;
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? showObject({ ...value }) : JSON.stringify(value);
}

/** Control characters, and those that change the direction of text: stored by anybody. */
export function escapeControls(line: string): string {
  return line.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
