/** A connection as far as it takes a place. */
export interface Place {
  /** Of the client. */
  readonly address: string;
  /** Gives the place up at once. */
  destroy(): void;
}

export interface AdmissionLimits {
  /** Connections at the same time. */
  readonly connections: number;
  /** Of them, from one address. */
  readonly perClient: number;
  /** Whether an address is that of many clients, a reverse proxy's: it has no limit of its own. Default: none is. */
  readonly isShared?: (address: string) => boolean;
}

/** Whose share is used up: the client's own, or that of all together. */
export type Shortage = "client" | "all";

/**
 * Who may have a connection. Where places are short, a connection without a request makes room first, the
 * one that has been idle longest; then the client with the most connections gives one to a client that has
 * fewer. So no client can keep another from its first connection, however many it opens.
 */
export class Admission {
  readonly limits: AdmissionLimits;
  readonly #clients = new Map<string, Set<Place>>();
  /** The one that has been idle longest is first. */
  readonly #idle = new Set<Place>();
  #open = 0;

  constructor(limits: AdmissionLimits) {
    this.limits = limits;
  }

  get open(): number {
    return this.#open;
  }

  /** Connections on which no request is under way. */
  get idle(): number {
    return this.#idle.size;
  }

  /** Null when there is room for one more of this client, after it was made; else what is short. */
  shortageFor(address: string): Shortage | null {
    const { connections, perClient, isShared } = this.limits;
    const own = this.#clients.get(address)?.size ?? 0;
    if (own >= perClient && isShared?.(address) !== true) {
      const idle = [...this.#idle].find((place) => place.address === address);
      if (idle === undefined) return "client";
      this.#end(idle);
    } else if (this.#open >= connections) {
      const victim = this.#longestIdle() ?? this.#newestOfLargest(own);
      if (victim === null) return "all";
      this.#end(victim);
    }
    return null;
  }

  /** A connection that is open from now on; idle at first. */
  add(place: Place): void {
    const places = this.#clients.get(place.address) ?? new Set();
    places.add(place);
    this.#clients.set(place.address, places);
    this.#idle.add(place);
    this.#open += 1;
  }

  busy(place: Place): void {
    this.#idle.delete(place);
  }

  idleNow(place: Place): void {
    if (this.#clients.get(place.address)?.has(place) === true) this.#idle.add(place);
  }

  /** It is closed; also when it was asked to give its place up. */
  remove(place: Place): void {
    const places = this.#clients.get(place.address);
    if (places?.delete(place) !== true) return;
    if (places.size === 0) this.#clients.delete(place.address);
    this.#idle.delete(place);
    this.#open -= 1;
  }

  #end(place: Place): void {
    this.remove(place);
    place.destroy();
  }

  #longestIdle(): Place | null {
    const first = this.#idle.values().next();
    return first.done === true ? null : first.value;
  }

  /** Null where nobody has so many that giving one to another client would be fair. */
  #newestOfLargest(own: number): Place | null {
    let largest: ReadonlySet<Place> = new Set();
    for (const places of this.#clients.values()) if (places.size > largest.size) largest = places;
    return largest.size < own + 2 ? null : ([...largest].at(-1) ?? null);
  }
}
