import { inspect } from 'node:util';
import type {
  AuditedIndex,
  Blocking,
  IndexSpec,
  LeftoverIndex,
  UniqueIndexAudit,
} from 'mongoose-unique-guard';

export interface AuditTable {
  model: string;
  collection: string;
  rows: AuditRow[];
}

interface AuditRow {
  name: string;
  keys: string;
  isOk: boolean;
  state: string;
  /** How the index differs, and the keys that block it. */
  findings: string[];
  /** What to do, in this order. */
  steps: string[];
}

/** The report of one model in words, a row for each index. */
export function toAuditTable(audit: UniqueIndexAudit): AuditTable {
  const { model, collection, indexes, undeclared, leftover } = audit;
  return {
    model,
    collection,
    rows: [
      ...indexes.map((index) => toRow(model, index)),
      ...undeclared.map((index) => ({
        ...toName(index),
        isOk: true,
        state: 'unique, and not declared',
        findings: [],
        steps: ['Declare it in the schema, where those who write the app can see it'],
      })),
      ...leftover.map((index) => toLeftoverRow(model, index)),
    ],
  };
}

/** A warning: what is declared exists, and documents may still have values there. */
function toLeftoverRow(model: string, index: LeftoverIndex): AuditRow {
  const { name, absentPaths, documents } = index;
  const paths = absentPaths.join(', ');
  return {
    ...toName(index),
    isOk: true,
    state: 'left over: the schema does not have its paths',
    findings: [
      `New documents have no value for ${paths}: the second one may fail`,
      `Documents with a value there: ${documents}`,
    ],
    steps: [
      `If no code writes ${paths} any more, drop the index${documents === 0 ? '' : ', which gives up its protection of these values'}: await ${model}.collection.dropIndex(${show(name)})`,
      `Otherwise add ${paths} to the schema, and declare the index`,
    ],
  };
}

const toName = ({ name, keyPattern }: IndexSpec) => ({ name, keys: show(keyPattern) });

function toRow(model: string, index: AuditedIndex): AuditRow {
  const { status, differences = [], obstacle, blocking, notExamined } = index;
  return {
    ...toName(index),
    isOk: status === 'ok',
    state: blocking && isBlocked(blocking) ? `${status}, and blocked by documents` : status,
    findings: [
      ...differences.map(
        ({ option, declared, actual }) =>
          `${option}: ${showOption(declared)} in the schema, ${showOption(actual)} in the database`,
      ),
      ...(obstacle === undefined ? [] : [obstacle]),
      ...(blocking ? listBlocking(blocking, Object.keys(index.keyPattern)) : []),
      ...(notExamined === undefined ? [] : [`Its documents were not examined: ${notExamined}`]),
    ],
    steps: toSteps(model, index),
  };
}

const isBlocked = ({ keys, unindexable = 0 }: Blocking): boolean => keys + unindexable > 0;

function listBlocking({ keys, groups, unindexable = 0 }: Blocking, paths: string[]): string[] {
  const listed = groups.map(({ key, count, ids }) => {
    // What errors hide is not in the report.
    const parts = paths.map(
      (path) => `${path}: ${Object.hasOwn(key, path) ? show(key[path]) : '(hidden)'}`,
    );
    const more = count > ids.length ? ` and ${count - ids.length} more` : '';
    return `${parts.join(', ')} in ${count} documents: ${ids.map(show).join(', ')}${more}`;
  });
  const rest = keys - groups.length;
  return [
    ...listed,
    ...(rest > 0 ? [`Keys that are not listed: ${rest}`] : []),
    ...(unindexable > 0 ? [`Documents with arrays on two paths: ${unindexable}`] : []),
  ];
}

/** First the documents, then the index. Never to give up one that prevents duplicates. */
function toSteps(model: string, index: AuditedIndex): string[] {
  const {
    status,
    differences = [],
    blocking,
    missingValues,
    deletedDocuments,
    notExamined,
  } = index;
  if (status === 'ok') return [];
  if (status === 'building') {
    return ['Wait, and load this page again: until it is built, nothing prevents duplicates'];
  }
  const steps: string[] = [];
  if (missingValues !== undefined) steps.push(`Missing values count as null. ${missingValues}`);
  if (deletedDocuments !== undefined) steps.push(deletedDocuments);
  if (blocking && hasDuplicates(index, blocking)) {
    steps.push(
      'Decide for each key which document keeps it, and merge, change or delete the others',
    );
  }
  if (blocking?.unindexable) steps.push('Leave an array on one of the paths only');
  if (status === 'cannot be built')
    steps.push('Follow the advice beside it, and load this page again');
  else if (notExamined !== undefined) steps.push('See whether the server can build such an index');
  else if (status === 'missing') steps.push(`Build it: await ${model}.createIndexes()`);
  else if (status === 'not unique') {
    steps.push('Make it unique: the existing index prevents no duplicates');
  } else if (differences.every(({ option }) => option === 'name')) {
    steps.push('Give the index in the schema the name that it has in the database');
  } else {
    steps.push(
      'Where the database is right, change the schema',
      `Where the schema is right, give its index a name of its own and build it: await ${model}.createIndexes()`,
    );
  }
  return steps;
}

/** Documents without a value are not to be merged, where the path is optional. */
function hasDuplicates({ missingValues }: AuditedIndex, { keys, groups }: Blocking): boolean {
  if (missingValues === undefined) return keys > 0;
  const isMissing = groups.map(({ key }) => Object.values(key).every((value) => value === null));
  return keys > isMissing.filter(Boolean).length;
}

const showOption = (value: unknown): string => (value === undefined ? 'none' : show(value));

/** On one line, control characters escaped, and what is long cut. */
function show(value: unknown): string {
  return inspect(value, { breakLength: Infinity, compact: true, maxStringLength: 80 });
}
