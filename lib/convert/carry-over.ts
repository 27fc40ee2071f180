/** What earlier middleware put on the driver's error, such as the `status` that Express answers with. */

/** What the driver and Mongoose put there. */
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

/** Adds to `target` what stands on `from` beside that; nothing that `target` has is replaced. */
export function carryOver(from: object, target: object): void {
  const { errorResponse } = from as { errorResponse?: unknown };
  // The driver copies whatever the server answers.
  const answered = Object.keys(Object(errorResponse) as object);
  // Of all descriptors that of `stack` would have V8 format the stack.
  for (const name of Object.keys(from)) {
    const isTheirs = THEIRS.has(name) || answered.includes(name);
    if (isTheirs || name in target) continue;
    const descriptor = Object.getOwnPropertyDescriptor(from, name) as PropertyDescriptor;
    Object.defineProperty(target, name, descriptor);
  }
}
