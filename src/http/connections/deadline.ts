/** A time by which something has to be over. It does not keep the process running. */
export class Deadline {
  readonly #passed: () => void;
  #timer: NodeJS.Timeout | null = null;

  constructor(passed: () => void) {
    this.#passed = passed;
  }

  get isRunning(): boolean {
    return this.#timer !== null;
  }

  /** One that runs is not put off: a client that sends a byte now and then must not hold its place. */
  start(ms: number): void {
    this.#timer ??= setTimeout(this.#passed, ms).unref();
  }

  stop(): void {
    if (this.#timer === null) return;
    clearTimeout(this.#timer);
    this.#timer = null;
  }
}
