/** Publishes to `node:diagnostics_channel`. Without a subscriber, each call costs one comparison. */
import { channel, tracingChannel } from 'node:diagnostics_channel';
import type { AnyModel } from './mongoose-internals';

/** The message of `mongoose-unique-guard:duplicate`. It contains no value of a document. */
interface DuplicateMessage {
  model: string;
  /** Undefined if the server does not report the index and more than one is possible. */
  index: string | undefined;
  paths: string[];
  /** Undefined for `toValidationError`, which does not know the operation. */
  operation: string | undefined;
  /** False if the error was not converted, but got `error.uniqueGuard`. */
  converted: boolean;
}

const duplicates = channel('mongoose-unique-guard:duplicate');

/** Never throws: Node reports an error of a subscriber as an uncaught exception. */
export function publishDuplicate(toMessage: () => DuplicateMessage): void {
  if (duplicates.hasSubscribers) duplicates.publish(toMessage());
}

/** Wraps a static so that each call is traced: the channel gets `{ model }`, and the result or the error. */
export function toTraced<Args extends unknown[], Result>(
  name: string,
  call: (this: AnyModel, ...args: Args) => Promise<Result>,
): (this: AnyModel, ...args: Args) => Promise<Result> {
  const calls = tracingChannel(`mongoose-unique-guard:${name}`);
  return function (this: AnyModel, ...args: Args): Promise<Result> {
    if (!calls.hasSubscribers) return call.apply(this, args);
    return calls.tracePromise(() => call.apply(this, args), { model: this.modelName });
  };
}
