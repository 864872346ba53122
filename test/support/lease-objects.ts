import type { IncomingMessage, ServerResponse } from "node:http";
import { text } from "node:stream/consumers";
import { type LeaseObject, readLeaseObject } from "../../src/daemon/leader/lease-object.ts";

/** The Lease objects of an API server: GET, POST and PUT, each change by optimistic concurrency (409). */
export class LeaseObjects {
  readonly #objects = new Map<string, LeaseObject>();
  #version = 0;
  /** Asked before each answer; a status that is not 200 is the answer. */
  status: (method: string, token: string) => number = () => 200;
  /** Called with the holder of each object that was written. */
  written: (holder: string) => void = () => {};

  get(name: string): LeaseObject | null {
    return this.#objects.get(name) ?? null;
  }

  put(object: LeaseObject): void {
    const { name } = object.metadata;
    const resourceVersion = String(++this.#version);
    this.#objects.set(name, { ...object, metadata: { ...object.metadata, resourceVersion } });
    this.written(object.spec?.holderIdentity ?? "");
  }

  delete(name: string): void {
    this.#objects.delete(name);
  }

  async answer(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const json = (status: number, body: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    const { method = "GET" } = request;
    const body = await text(request);
    const token = request.headers.authorization?.replace("Bearer ", "") ?? "";
    const status = this.status(method, token);
    if (status !== 200) return void json(status, { kind: "Status", code: status });
    const name = /\/namespaces\/[^/]+\/leases\/([^/]+)$/.exec(path)?.[1] ?? "";
    const there = this.#objects.get(name);
    if (method === "GET") return void json(there === undefined ? 404 : 200, there ?? {});
    const object = readLeaseObject(JSON.parse(body));
    if (method === "POST") {
      if (this.#objects.has(object.metadata.name)) return void json(409, { code: 409 });
      this.put(object);
      return void json(201, this.get(object.metadata.name) ?? {});
    }
    if (there === undefined) return void json(404, { code: 404 });
    if (there.metadata.resourceVersion !== object.metadata.resourceVersion) {
      return void json(409, { code: 409 });
    }
    this.put(object);
    return void json(200, this.get(name) ?? {});
  }
}
