/** How long it is looked at how much arrives, and for how long that counts. */
const WINDOW_MS = 16;
/** Datagrams in that time from which on they are gathered: 3,000 a second. */
const MANY = 48;
/** Where this many were read at once, they come together anyway. */
const TOGETHER = 16;
/** How long those that come next wait for one another. */
export const GATHER_MS = 1;

/**
 * Decides whether what arrives next is left with the kernel for a moment, so that it is read, answered and written to the disk
 * together: a turn of the event loop, a call of the disk and being woken by both cost as much as all the work for a request. As
 * network cards do (interrupt moderation): only where much arrives, since every answer waits for it.
 */
export class Gathering {
  #sinceMs = 0;
  #count = 0;
  #isMuch = false;

  /**
   * Notes that so many datagrams were read at once.
   *
   * @param nowMs milliseconds, with fractions, that only go forward
   * @returns whether to wait before more are read
   */
  waitsAfter(received: number, nowMs: number): boolean {
    const passedMs = nowMs - this.#sinceMs;
    if (passedMs >= WINDOW_MS) {
      // A window in which something was read long ago tells nothing.
      this.#isMuch = passedMs < 2 * WINDOW_MS && this.#count >= MANY;
      this.#sinceMs = nowMs;
      this.#count = 0;
    }
    this.#count += received;
    return this.#isMuch && received > 0 && received < TOGETHER;
  }
}
