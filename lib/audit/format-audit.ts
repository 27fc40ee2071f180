/** An audit's report as text for a terminal. Pure. */
import { isObjectId } from '../bson/same-value';
import { isObject } from '../options/is-object';
import type { AuditedIndex, UniqueIndexAudit } from './audit-model';
import type { IndexDifference } from './compare-indexes';
import type { IndexSpec } from './declared-index';
import type { Blocking, BlockingGroup } from './find-blocking';

/**
 * The report of `Model.auditUniqueIndexes()`, or several, as text for a terminal or a log: a line for
 * each index and, for each problem, what to do next. No colours; what a document holds is escaped, so
 * that it cannot steer the terminal. Values that are hidden in errors are not in the report, nor here.
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
  return blocks.map((lines) => lines.map(escape).join('\n')).join('\n\n');
}

function checkAudit(audit: unknown): void {
  if (isObject(audit) && Array.isArray(audit['indexes'])) return;
  throw new TypeError(
    `formatAudit: the report is ${toText(audit)}; it must be what Model.auditUniqueIndexes() resolves ` +
      'to, so await that first.',
  );
}

function formatOne(audit: UniqueIndexAudit): string[] {
  const { model, collection, indexes, undeclared } = audit;
  const rows = [
    ...indexes.map((index) => ({ index, result: toResult(index), more: explain(audit, index) })),
    ...undeclared.map((index) => ({ index, result: 'undeclared', more: adviseDeclaring(index) })),
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
  const { differences = [], blocking, notExamined } = index;
  const paths = Object.keys(index.keyPattern);
  return [
    ...differences.map(showDifference),
    ...(blocking?.groups ?? []).map((group) => showGroup(group, paths)),
    ...(blocking && blocking.keys > blocking.groups.length
      ? [`… ${count(blocking.keys - blocking.groups.length, 'more key')}`]
      : []),
    ...(notExamined === undefined ? [] : [`${notExamined}.`]),
    ...advise(audit, index),
  ];
}

/** What to do next. Never to give up an index that keeps duplicates out. */
function advise({ model }: UniqueIndexAudit, index: AuditedIndex): string[] {
  const { status, differences = [], blocking, notExamined, name } = index;
  if (status === 'ok') return [];
  if (status === 'building') {
    return ['Next: wait, and audit again. Until it is built, nothing keeps duplicates out.'];
  }
  const steps = [
    ...(blocking && blocking.keys > 0
      ? ['decide for each key which document keeps it, and merge, change or delete the others']
      : []),
    ...(blocking && mayBeOptional(index, blocking)
      ? [
          'where null stands for a path that need not be there, declare the index sparse, or with a ' +
            'partialFilterExpression',
        ]
      : []),
    ...(blocking?.unindexable ? ['leave one array on the paths of the index, or none'] : []),
  ];
  if (notExamined !== undefined) steps.push('see whether the server can build it');
  else if (status === 'missing') steps.push(`await ${model}.createIndexes()`);
  else if (status === 'not unique') {
    steps.push(
      `replace the index ${name}, which keeps nothing out, by the unique one ` +
        `(MongoDB 6.0 and later convert it in place: collMod with prepareUnique, then unique)`,
    );
  } else if (differences.every(({ option }) => option === 'name')) {
    const [actual] = differences.map((one) => String(one.actual));
    steps.push(`give the schema's index the name it has: name: ${show(actual)}`);
  } else {
    steps.push(
      'where the database is right, change the schema; where the schema is right, give its index a ' +
        `name of its own and await ${model}.createIndexes(), while the other goes on guarding`,
    );
  }
  return steps.map((step, place) => `${place === 0 ? 'Next' : 'Then'}: ${step}.`);
}

/** Documents without the paths all have one key, unless the index leaves them out. */
function mayBeOptional(index: AuditedIndex, { groups }: Blocking): boolean {
  if (index.sparse || index.partialFilterExpression) return false;
  return groups.some(({ key }) => {
    const values = Object.values(key);
    return values.length > 0 && values.every((value) => value === null);
  });
}

function adviseDeclaring({ keyPattern, name }: IndexSpec): string[] {
  return [
    'Next: declare it, so that errors of bulk writes are explained: ' +
      `schema.index(${showObject(keyPattern)}, { unique: true, name: ${show(name)} }).`,
  ];
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
  return [
    bad === 0
      ? `All ${count(indexes.length, 'unique index', 'unique indexes')} as declared.`
      : `${bad} of ${count(indexes.length, 'unique index', 'unique indexes')} not as declared.`,
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
function escape(line: string): string {
  return line.replace(
    /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}
