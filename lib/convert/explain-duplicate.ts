/** One or two sentences for a developer: why a unique index refused a write, and what to do. Pure. */
import { findKind, type AnyModel, type AnySchema } from '../mongoose-internals';
import { findPathTypes, hasPath } from '../schema/find-path-types';
import { quotePath, toLiteral, toPartialFilter } from '../schema/partial-advice';
import {
  baseOf,
  findUniqueIndexes,
  modelsOfCollection,
  schemasOfCollection,
  type UniqueIndex,
} from '../schema/unique-index';
import { findDeclaredIndex, type RefusedKey } from './refused-key';

export function explainDuplicate(model: AnyModel, refused: RefusedKey): string {
  const { indexName, keyPattern, missing, absent } = refused;
  const declared = findDeclaredIndex(model, refused);
  if (keyPattern === undefined) return explainUnknownIndex(model, indexName);
  const subject = `${indexName === undefined ? 'A unique index' : `The unique index ${indexName}`} of ${model.modelName}`;
  if (absent.length > 0) return explainAbsentPaths(model, subject, refused, declared);
  if (missing.length > 0) return explainMissingValue(model, subject, missing, declared);
  const paths = Object.keys(keyPattern);
  return (
    `${subject} refused a second document with the same ${paths.length > 1 ? 'values' : 'value'} of ` +
    [`${quote(paths)}.`, declared && adviseSoftDelete(model, declared)].filter(Boolean).join(' ')
  );
}

function explainUnknownIndex(model: AnyModel, name: string | undefined): string {
  const { modelName } = model;
  if (name === undefined) {
    return `The server does not report which index was violated, and ${modelName} has more than one that could be.`;
  }
  const other = modelsOfCollection(model).find((one) =>
    findUniqueIndexes(one).some((index) => index.name === name),
  );
  const declare = `schema.index({ … }, { unique: true, name: ${toLiteral(name)} })`;
  return (
    `The server names the index ${name}, which the schema of ${modelName} does not declare. ` +
    (other === undefined
      ? `Declare it: ${declare}; or, if it is left over from a renamed or removed path, drop it once no ` +
        `code writes that path: ${dropEitherWay(model, name)}.`
      : `${other.modelName}, which shares the collection, declares it.`)
  );
}

/** The written document cannot have these paths, so the index is wrong, not the user's input. */
function explainAbsentPaths(
  model: AnyModel,
  subject: string,
  { indexName, absent }: RefusedKey,
  declared: UniqueIndex | undefined,
): string {
  const owner = modelsOfCollection(model).find((one) =>
    absent.every((path) => hasPath(one.schema as AnySchema, path)),
  );
  const isOne = absent.length === 1;
  const have = `${quote(absent)}, ${isOne ? 'a path' : 'paths'} that`;
  const counts = 'counts as null there, and the second one fails';
  if (owner !== undefined && baseOf(owner) === baseOf(model)) {
    return (
      `${subject} is on ${have} only documents of ${owner.modelName} have, so each document of another ` +
      `kind ${counts}. ${adviseDiscriminator(owner)}`
    );
  }
  if (owner !== undefined) {
    return (
      `${subject} is on ${have} only the model ${owner.modelName}, which shares the collection, has, so ` +
      `each document without it ${counts}. Limit the index to documents with a value: ` +
      `partialFilterExpression: ${toPartialFilter([owner.schema as AnySchema], String(absent[0]))}.`
    );
  }
  const effect = `${subject} is on ${have} the schema does not have, so each new document ${counts}.`;
  if (declared !== undefined) {
    return `${effect} The schema declares this index: add ${isOne ? 'the path' : 'the paths'} to the schema, or remove the declaration.`;
  }
  return (
    `${effect} If no code writes ${isOne ? 'that path' : 'those paths'} any more, drop the index, which ` +
    `gives up its protection of the values that are stored: ${dropEitherWay(model, indexName)}.`
  );
}

/** The fix for an index that the base declares on a path of one discriminator. */
export function adviseDiscriminator(owner: AnyModel): string {
  const kind = findKind(owner.schema as AnySchema);
  const filter = `${quotePath(String(kind?.key))}: ${toLiteral(String(kind?.value))}`;
  return (
    `Declare the index on the schema of the discriminator ${owner.modelName}: Mongoose then builds it with ` +
    `partialFilterExpression: { ${filter} }.`
  );
}

/** The second document without a value is a duplicate of the first. */
function explainMissingValue(
  model: AnyModel,
  subject: string,
  missing: string[],
  declared: Pick<UniqueIndex, 'sparse'> | undefined,
): string {
  return (
    `${subject} counts a missing value as null, so the second document without ${quote(missing)} fails. ` +
    adviseMissingValue(model, String(missing[0]), declared?.sparse === true)
  );
}

/** The fixes that keep the index unique. `first` is the one for documents that must have a value. */
export function adviseMissingValue(
  model: AnyModel,
  path: string,
  isSparse: boolean,
  first = 'Make the path required',
): string {
  const schemas = schemasOfCollection(model);
  const filter = `partialFilterExpression: ${toPartialFilter(schemas, path)}`;
  const why = isSparse ? ' (sparse does not leave out a stored null)' : '';
  const isInArray = schemas.some((schema) => {
    const { at, above } = findPathTypes(schema, path);
    return [...at, ...above].some(({ instance }) => instance === 'Array');
  });
  return isInArray
    ? `An empty array counts as well, which required does not prevent. Index only documents with a value: ${filter}${why}.`
    : `${first}, or index only documents with a value: ${filter}${why}.`;
}

const DELETED = /^(is)?_?(soft)?_?(deleted|removed|archived)(_?(at|on))?$/i;

/** A document that is only marked as deleted still counts. Undefined if no path is such a mark. */
export function adviseSoftDelete(
  { schema }: AnyModel,
  { name, partialFilterExpression }: Pick<UniqueIndex, 'name' | 'partialFilterExpression'>,
): string | undefined {
  const path = Object.keys(schema.paths).find((one) => DELETED.test(one));
  if (path === undefined || name === '_id_' || partialFilterExpression) return undefined;
  const live =
    findPathTypes(schema as AnySchema, path).at[0]?.instance === 'Boolean' ? 'false' : 'null';
  return (
    `Documents that are marked as deleted by \`${path}\` count, too; to exclude them, index live ones only: ` +
    `partialFilterExpression: { ${quotePath(path)}: ${live} }, with default: ${live} on that path.`
  );
}

export function dropCommand(modelName: string, name: string | undefined): string {
  return `await ${modelName}.collection.dropIndex(${name === undefined ? 'name' : toLiteral(name)})`;
}

/** The same for mongosh, which has no models. */
export function dropInShell(collection: string, name: string): string {
  return `db.getCollection(${toLiteral(collection)}).dropIndex(${toLiteral(name)})`;
}

function dropEitherWay({ modelName, collection }: AnyModel, name: string | undefined): string {
  const command = dropCommand(modelName, name);
  return name === undefined
    ? command
    : `${command}, or in mongosh ${dropInShell(collection.name, name)}`;
}

function quote(paths: string[]): string {
  return paths.map((path) => `\`${path}\``).join(', ');
}
