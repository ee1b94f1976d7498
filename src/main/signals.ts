/**
 * Resolves at the first SIGINT, SIGTERM or SIGHUP. A second one after a while ends the process at once:
 * somebody is out of patience. Within a second it is the same signal, delivered to the whole process group.
 */
export function untilSignal(): Promise<null> {
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
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, onSignal);
  });
}
