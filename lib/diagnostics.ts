/** Publishes to `node:diagnostics_channel`. Without a subscriber, each call costs one comparison. */
import { channel, tracingChannel } from 'node:diagnostics_channel';
import type { AnyModel } from './mongoose-internals';

/** The message of `mongoose-unique-guard:duplicate`: it names paths and holds no value of a document. */
interface DuplicateMessage {
  model: string;
  /** Undefined where the server names no index and more than one is possible. */
  index: string | undefined;
  paths: string[];
  /** Undefined where only the error is known: `toValidationError`. */
  operation: string | undefined;
  /** False where the error is left as it is, with a note. */
  converted: boolean;
}

const duplicates = channel('mongoose-unique-guard:duplicate');

/** An error of a subscriber does not arrive here: Node reports it as an uncaught exception. */
export function publishDuplicate(toMessage: () => DuplicateMessage): void {
  if (duplicates.hasSubscribers) duplicates.publish(toMessage());
}

/** The static, with a tracing channel around each call: `{ model }`, and the result or the error. */
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
