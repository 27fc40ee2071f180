/** A line on a terminal that says which scan is going on, and for how long. */
import type { AuditStep } from '../audit/audit-model';

export interface Progress {
  start: (step: AuditStep) => void;
  /** Takes the line away. */
  end: () => void;
}

/** Where the errors go: the report may be on its way into a file. */
export type Terminal = Pick<NodeJS.WriteStream, 'write'> & { isTTY?: boolean };

const CLEAR = '\r\u001b[K';
const SECOND = 1000;

/** Silent where `terminal` is none, and for scans of less than a second. */
export function startProgress(terminal: Terminal, now = Date.now): Progress {
  let timer: NodeJS.Timeout | undefined;
  let isShown = false;
  const end = (): void => {
    clearInterval(timer);
    if (isShown) terminal.write(CLEAR);
    isShown = false;
  };
  const start = ({ collection, index }: AuditStep): void => {
    end();
    if (!terminal.isTTY) return;
    const since = now();
    timer = setInterval(() => {
      isShown = true;
      const seconds = Math.round((now() - since) / SECOND);
      terminal.write(`${CLEAR}${collection}: looking for what blocks ${index}, ${seconds} s`);
    }, SECOND);
    timer.unref();
  };
  return { start, end };
}
