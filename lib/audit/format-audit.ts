/** Formats audit reports for a terminal. Pure. */
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
 * Formats reports of `Model.auditUniqueIndexes()` for a terminal or a log: a line for each index and, for each
 * problem, what to do next. The string has no colors, and control characters in stored values are escaped.
 * Values that errors hide are not in the report. No round trip.
 *
 * @param audits one report, or an array of them
 * @returns the lines, joined by `\n`
 * @throws TypeError if `audits` is something else, such as the promise of a report
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
    `formatAudit: the report is ${showInShell(audit)}; it must be what Model.auditUniqueIndexes() resolves ` +
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

/** What to do next. An index that prevents duplicates is never dropped before its replacement exists. */
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
    ...(blocking?.unindexable
      ? ['change these documents: at most one path of the index may hold an array']
      : []),
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
    steps.push(`give the schema's index the name it has: name: ${showInShell(actual)}`);
  } else {
    steps.push(
      'where the database is right, change the schema; where the schema is right, give its index a ' +
        `name of its own and await ${model}.createIndexes(), while the other still prevents duplicates`,
    );
  }
  return steps.map((step, index) => `${index === 0 ? 'Next' : 'Then'}: ${step}.`);
}

/** Documents without a value need not be merged if the path is optional. */
function hasDuplicates({ missingValues }: AuditedIndex, { keys, groups }: Blocking): boolean {
  const optional = missingValues === undefined ? 0 : groups.filter(isOfMissingValues).length;
  return keys > optional;
}

/** The effect on new documents, how many stored values the index protects, and two ways to fix it. */
function explainLeftover(
  { model, collection }: UniqueIndexAudit,
  { name, keyPattern, absentPaths, documents, sparse, partialFilterExpression }: LeftoverIndex,
): string[] {
  const paths = absentPaths.map(showInShell).join(', ');
  const isLimited = sparse === true || partialFilterExpression !== undefined;
  return [
    isLimited
      ? `The schema does not have ${paths}; the index contains new documents only if its options select them.`
      : `The schema does not have ${paths}, so each new document counts as null there, and the second one fails.`,
    `${count(documents, 'document')} ${documents === 1 ? 'has' : 'have'} a value there.`,
    `Next: if no code writes ${paths} any more, drop the index${documents === 0 ? '' : LOSES_PROTECTION}: ` +
      `await ${model}.collection.dropIndex(${showInShell(name)}), or in mongosh ${dropInShell(collection, name)}.`,
    ...(documents > 0 && absentPaths.length === 1 ? [adviseRenaming(model, paths)] : []),
    `Otherwise: add ${paths} to the schema, and declare the index: ${showDeclaration(keyPattern, name)}.`,
  ];
}

const LOSES_PROTECTION = ', which gives up its protection of these values';

/** Only after the drop: the second document without the old path would be a duplicate. */
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
  return `schema.index(${showObject(keyPattern)}, { unique: true, name: ${showInShell(name)} })`;
}

function showDifference({ option, declared, actual }: IndexDifference): string {
  const toValue = (value: unknown): string => (value === undefined ? 'none' : showInShell(value));
  return `${option}: the schema says ${toValue(declared)}, the database ${toValue(actual)}`;
}

function showGroup({ key, count: total, ids }: BlockingGroup, paths: string[]): string {
  const parts = paths.map(
    (path) => `${path}: ${Object.hasOwn(key, path) ? showInShell(key[path]) : '(hidden)'}`,
  );
  const more = total > ids.length ? `, … ${total - ids.length} more` : '';
  return `{ ${parts.join(', ')} } in ${count(total, 'document')}: ${ids.map(showInShell).join(', ')}${more}`;
}

function summarize(audits: UniqueIndexAudit[]): string[] {
  const indexes = audits.flatMap((audit) => audit.indexes);
  const wrong = indexes.filter(({ status }) => status !== 'ok').length;
  if (indexes.length === 0) return ['No unique index is declared.'];
  const leftovers = audits.flatMap(({ leftover }) => leftover).length;
  return [
    wrong === 0
      ? `${indexes.length === 1 ? 'The 1 unique index is' : `All ${indexes.length} unique indexes are`} as declared.`
      : `${wrong} of ${count(indexes.length, 'unique index', 'unique indexes')} not as declared.`,
    ...(leftovers === 0 ? [] : [`${count(leftovers, 'leftover index', 'leftover indexes')}.`]),
  ];
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`;
}

function showObject(object: Record<string, unknown>): string {
  const parts = Object.entries(object).map(([name, value]) => `${name}: ${showInShell(value)}`);
  return `{ ${parts.join(', ')} }`;
}

const MAX_LENGTH = 80;

/** A value as mongosh reads it, shortened if it is long. */
function showInShell(value: unknown): string {
  const text = toText(value);
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
}

function toText(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (!isObject(value)) return String(value);
  if (value instanceof Date) return `ISODate(${JSON.stringify(value)})`;
  if (isObjectId(value)) return `ObjectId("${value.toHexString()}")`;
  if (Array.isArray(value)) return `[${value.map(toText).join(', ')}]`;
  const isPlain = Object.getPrototypeOf(value) === Object.prototype;
  return isPlain ? showObject({ ...value }) : JSON.stringify(value);
}

/** Escapes control characters, and those that change the direction of text: users may have stored them. */
export function escapeControls(line: string): string {
  return line.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
