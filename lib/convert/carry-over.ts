/** Copies properties that earlier middleware set on the driver's error, such as `status` for Express. */

/** The properties that the driver and Mongoose set. */
const THEIRS = new Set([
  '$clusterTime',
  'code',
  'codeName',
  'collation',
  'err',
  'duplicateRid',
  'errInfo',
  'errmsg',
  'errorLabelSet',
  'errorLabels',
  'errorResponse',
  'foundValue',
  'hexEncoded',
  'index',
  'insertedDocs',
  'keyPattern',
  'keyValue',
  'mongoose',
  'ok',
  'op',
  'operationTime',
  'opTime',
  'result',
  'results',
  'writeConcernError',
  'writeErrors',
]);

/** Copies all other properties of `from` to `target`. Existing properties of `target` stay. */
export function carryOver(from: object, target: object): void {
  const { errorResponse } = from as { errorResponse?: unknown };
  // The driver copies whatever the server answers.
  const answered = Object.keys(Object(errorResponse) as object);
  // Reads no other descriptors, because reading that of `stack` makes V8 format the stack.
  for (const name of Object.keys(from)) {
    const isTheirs = THEIRS.has(name) || answered.includes(name);
    if (isTheirs || name in target) continue;
    const descriptor = Object.getOwnPropertyDescriptor(from, name) as PropertyDescriptor;
    Object.defineProperty(target, name, descriptor);
  }
}
