/** Aborts with the first signal to stop; the process then ends by itself, once all is closed. */
export function findStopSignal(): AbortSignal {
  const controller = new AbortController();
  let since = 0;
  const stop = (): void => {
    // npm passes on the Ctrl-C that the terminal has sent to all; a later one means: at once.
    if (controller.signal.aborted && Date.now() - since > 1000) process.exit(1);
    since ||= Date.now();
    controller.abort();
  };
  // SIGHUP: the terminal was closed.
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, stop);
  return controller.signal;
}
