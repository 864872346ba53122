/** The time in the form that headers have it, RFC 9110 5.6.7; made once a second. */
export class HttpDate {
  readonly #wall: () => number;
  #second = -1;
  #text = "";

  constructor(wall: () => number) {
    this.#wall = wall;
  }

  now(): string {
    const wallMs = this.#wall();
    const second = Math.floor(wallMs / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#text = new Date(wallMs).toUTCString();
    }
    return this.#text;
  }
}
