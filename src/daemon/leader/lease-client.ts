import type { ClusterAccess } from "../kubernetes/cluster-access.ts";
import { type Asked, ClusterError, getJson, sendJson } from "../kubernetes/cluster-request.ts";
import type { Write } from "./election.ts";
import {
  heldLeaseObject,
  holderOf,
  journalOf,
  type LeaseObject,
  readLeaseObject,
} from "./lease-object.ts";

export type LeaseAccess = ClusterAccess & {
  /** The Lease object's. */
  readonly namespace: string;
};

export interface LeaseClientParts {
  readonly access: LeaseAccess;
  readonly name: string;
  readonly identity: string;
  readonly leaseSeconds: number;
}

/** A server that stops has more to do than to wait for an API server that is silent. */
const RELEASE_MS = 2000;

/** Reads and writes one Lease object. Each answer is waited for so long that two attempts fit into the holder's time. */
export class LeaseClient {
  readonly #parts: LeaseClientParts;
  readonly #all: string;
  readonly #one: string;

  constructor(parts: LeaseClientParts) {
    this.#parts = parts;
    this.#all = `/apis/coordination.k8s.io/v1/namespaces/${parts.access.namespace}/leases`;
    this.#one = `${this.#all}/${parts.name}`;
  }

  /** Null: there is none. Rejects as `getJson`. */
  async read(stopping: AbortSignal): Promise<LeaseObject | null> {
    try {
      return readLeaseObject(await getJson(this.#parts.access, this.#one, this.#asked(stopping)));
    } catch (error) {
      if (error instanceof ClusterError && error.status === 404) return null;
      throw error;
    }
  }

  /** Rejects with `ClusterError` 409 when another replica was faster, else as `getJson`. */
  async write({ method, object }: Write, stopping: AbortSignal): Promise<void> {
    const path = method === "POST" ? this.#all : this.#one;
    await sendJson(this.#parts.access, method, path, object, this.#asked(stopping));
  }

  /**
   * Gives the object up if it is ours: others take over at once. What fails, or takes longer than `RELEASE_MS`, costs them
   * its time. Never rejects.
   */
  async release(wallMs: number): Promise<void> {
    const { access, identity, leaseSeconds } = this.#parts;
    try {
      const asked = this.#asked(AbortSignal.timeout(RELEASE_MS));
      const read = readLeaseObject(await getJson(access, this.#one, asked));
      if (holderOf(read) !== identity) return;
      const given = { identity: "", leaseSeconds, journal: journalOf(read), wallMs };
      await sendJson(access, "PUT", this.#one, heldLeaseObject(read, given), asked);
    } catch {
      // It expires by itself.
    }
  }

  #asked(stopping: AbortSignal): Asked {
    const { access, leaseSeconds } = this.#parts;
    const patience = AbortSignal.timeout(Math.min(5000, (leaseSeconds * 1000) / 4));
    const needs = `get, create and update on leases.coordination.k8s.io in the namespace ${access.namespace}`;
    return { signal: AbortSignal.any([stopping, patience]), needs };
  }
}
