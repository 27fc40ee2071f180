/** The partialFilterExpression that leaves documents without a value out of an index. Pure. */
import { findPathTypes } from './find-path-types';
import type { AnySchema } from '../mongoose-internals';

const BSON_TYPES: Record<string, string> = {
  String: 'string',
  Number: 'number',
  Boolean: 'bool',
  Date: 'date',
  ObjectId: 'objectId',
  ObjectID: 'objectId',
  Buffer: 'binData',
  UUID: 'binData',
  Decimal128: 'decimal',
  BigInt: 'long',
  Int32: 'int',
  Double: 'double',
  Embedded: 'object',
  Map: 'object',
};

/** Such as `{ email: { $type: 'string' } }`: ready to paste, with the type of the path in the schemas. */
export function toPartialFilter(schemas: AnySchema[], path: string): string {
  const types = schemas.flatMap((schema) => findPathTypes(schema, path).at);
  const type = types.map(({ instance }) => BSON_TYPES[String(instance)]).find((one) => one);
  // If the type is not known, documents with a stored null stay in the index.
  const condition = type === undefined ? '{ $exists: true }' : `{ $type: '${type}' }`;
  return `{ ${quotePath(path)}: ${condition} }`;
}

/** As a key of an object literal. */
export function quotePath(path: string): string {
  return /^[a-z_$][\w$]*$/i.test(path) ? path : toLiteral(path);
}

/** A string as a JavaScript literal in single quotes. */
export function toLiteral(text: string): string {
  return `'${text.replace(/['\\]/g, '\\$&')}'`;
}
