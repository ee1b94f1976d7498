/**
 * Assertions stay on in production. They are for bugs (a broken promise of our own code), never for bad
 * input or a failing neighbour: those are refusals and operational errors.
 */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/**
 * Stops the operation when `condition` does not hold; `message` says what must be true, not what went
 * wrong.
 */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new AssertionError(message);
}

/** Narrows away null and undefined where our own code guarantees a value. */
export function assertDefined<T>(value: T | null | undefined, message: string): T {
  if (value === null || value === undefined) throw new AssertionError(message);
  return value;
}

/** Closes an exhaustive `switch`: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${JSON.stringify(value)}`);
}
