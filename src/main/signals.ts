/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP. A second one after a while ends the process at once:
 * somebody is out of patience. Within a second it is the same signal, delivered to the whole process group.
 * `onHangUp`: what SIGHUP does instead, where there is something to read again; null: nothing is.
 */
export function untilSignal(onHangUp: (() => void) | null): Promise<null> {
  if (onHangUp !== null) process.on('SIGHUP', onHangUp);
  const ending =
    onHangUp === null ? (['SIGHUP', 'SIGINT', 'SIGTERM'] as const) : (['SIGINT', 'SIGTERM'] as const);
  return new Promise((resolve) => {
    let firstAtMs: number | null = null;
    const onSignal = (): void => {
      if (firstAtMs === null) {
        firstAtMs = performance.now();
        resolve(null);
      } else if (performance.now() - firstAtMs > 1000) {
        process.exit(130);
      }
    };
    for (const signal of ending) process.on(signal, onSignal);
  });
}
