/**
 * How controllers end. Stopping must work at any await, as a crash does: what was awaited through a life that
 * has ended never continues, so that no late answer has an effect. Nothing is cleaned up, because nothing
 * needs to be: whatever is not yet committed is found again by looking.
 */
export class Life {
  #ended = false;

  get ended(): boolean {
    return this.#ended;
  }

  end(): void {
    this.#ended = true;
  }

  /** Settles as `promise` does; never, once this life has ended. */
  live<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const unlessEnded = (settle: () => void): void => {
        if (!this.#ended) settle();
      };
      promise.then(
        (value) => unlessEnded(() => resolve(value)),
        (error: Error) => unlessEnded(() => reject(error)),
      );
    });
  }
}
