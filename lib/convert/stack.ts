/** The stack of an error that replaces another one: its own first line, then the caller's frames. */

/**
 * The lines below the first. A function, since V8 formats a stack when it is first read, and that takes
 * longer than a whole conversion.
 */
export type Frames = () => string;

/**
 * The frames of an error that exists. None if its stack does not contain its message: lines that cannot be
 * separated from a message may show a hidden value.
 */
export function framesOf(error: object): Frames {
  const { message } = error as { message?: unknown };
  return () => {
    const { stack } = error as { stack?: unknown };
    const start = String(stack).indexOf(String(message));
    const rest = start === -1 ? '' : String(stack).slice(start + String(message).length);
    return rest.startsWith('\n') ? rest : '';
  };
}

/** The frames of whoever calls this. */
export function captureFrames(): Frames {
  const here = {} as { stack: string };
  Error.captureStackTrace(here, captureFrames);
  // Without a message the first line is one line.
  return () => here.stack.replace(/.*/, '');
}

/** Sets the stack. The first line shows the message as it is when the stack is read. */
export function setFrames(error: Error, frames: Frames): void {
  Object.defineProperty(error, FRAMES, { value: frames, configurable: true, writable: true });
  Object.defineProperty(error, 'stack', STACK);
}

const FRAMES = Symbol('frames');

/** One pair of functions for all errors: with a pair of its own, V8 would give each error its own class. */
const STACK: PropertyDescriptor & ThisType<Error & { [FRAMES]: Frames }> = {
  get() {
    return `${this.name}: ${this.message}${this[FRAMES]()}`;
  },
  set(value: unknown) {
    Object.defineProperty(this, 'stack', { value, writable: true, configurable: true });
  },
  configurable: true,
};

/** Capturing a stack takes as long as everything else together. */
export function withoutStack<T>(make: () => T): T {
  const { stackTraceLimit } = Error;
  // Not an assignment: that throws where an app has frozen its globals.
  Reflect.set(Error, 'stackTraceLimit', 0);
  try {
    return make();
  } finally {
    Reflect.set(Error, 'stackTraceLimit', stackTraceLimit);
  }
}
