/** A line on a terminal that reports the running scan and its time. */
import type { AuditStep } from '../audit/audit-model';

export interface Progress {
  start: (step: AuditStep) => void;
  /** Removes the line. */
  end: () => void;
}

/** Standard error: standard output may be a file. */
export type Terminal = Pick<NodeJS.WriteStream, 'write'> & { isTTY?: boolean };

const CLEAR = '\r\u001b[K';
const SECOND = 1000;

/** Silent unless `terminal` is a terminal and the scan takes a second or more. */
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
      terminal.write(
        `${CLEAR}${collection}: looking for documents that block ${index}, ${seconds} s`,
      );
    }, SECOND);
    timer.unref();
  };
  return { start, end };
}
