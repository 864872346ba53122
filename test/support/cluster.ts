import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { LeaseObjects } from "./lease-objects.ts";

interface StoredObject {
  readonly metadata: {
    readonly name: string;
    readonly namespace: string;
    readonly resourceVersion: string;
  };
  readonly spec: object;
}

/** A Kubernetes API server as far as it concerns `Hardware`: list in pages, watch, bookmarks, and 410 for what it has forgotten. */
export class Cluster {
  readonly #server = createServer((request, response) => this.#answer(request, response));
  readonly #objects = new Map<string, StoredObject>();
  readonly #log: { readonly version: number; readonly line: string }[] = [];
  readonly #watchers = new Set<ServerResponse>();
  #version = 100;
  /** Changes up to this version are forgotten. */
  #forgotten = 0;
  /** What was asked, without its host. */
  readonly asked: string[] = [];
  token = "";
  url = "";
  readonly leases = new LeaseObjects();
  /** What every watch gets: the status of the answer, or of an error in it. Null: what has happened. */
  watches: { readonly status: number } | { readonly error: number } | "nothing" | null = null;

  async open(address = "127.0.0.1"): Promise<void> {
    const port = this.url === "" ? 0 : Number(new URL(this.url).port);
    await new Promise<void>((resolve) => this.#server.listen(port, address, resolve));
    const bound = this.#server.address();
    if (typeof bound === "object") this.url = `http://${address}:${bound?.port ?? 0}`;
  }

  /** Breaks all connections, and takes no more. */
  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  put(name: string, spec: object): void {
    const key = `tink/${name}`;
    const type = this.#objects.has(key) ? "MODIFIED" : "ADDED";
    const resourceVersion = String(++this.#version);
    const object = { metadata: { name, namespace: "tink", resourceVersion }, spec };
    this.#objects.set(key, object);
    this.#tell(type, object);
  }

  remove(name: string): void {
    const object = this.#objects.get(`tink/${name}`);
    if (object === undefined) return;
    this.#objects.delete(`tink/${name}`);
    const resourceVersion = String(++this.#version);
    this.#tell("DELETED", { ...object, metadata: { ...object.metadata, resourceVersion } });
  }

  /** Says how far the changes have come, without one. */
  bookmark(): void {
    this.#version += 10;
    const object = { metadata: { resourceVersion: String(this.#version) } };
    this.#write(JSON.stringify({ type: "BOOKMARK", object }));
  }

  /** How many answers go on. */
  get watching(): number {
    return this.#watchers.size;
  }

  /** Writes a line to all watches. */
  say(line: string): void {
    this.#write(line);
  }

  /** Ends all watches in the way of an API server whose time is over. */
  endWatches(): void {
    for (const watcher of this.#watchers) watcher.end();
  }

  /** As after a compaction: who asks for older changes is told that they are gone. */
  forget(): void {
    this.#forgotten = ++this.#version;
    this.endWatches();
  }

  #tell(type: string, object: StoredObject): void {
    const whole = { apiVersion: "tinkerbell.org/v1alpha1", kind: "Hardware", ...object };
    const line = JSON.stringify({ type, object: whole });
    this.#log.push({ version: this.#version, line });
    this.#write(line);
  }

  #write(line: string): void {
    for (const watcher of this.#watchers) watcher.write(`${line}\n`);
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const { pathname, searchParams: query } = new URL(request.url ?? "/", "http://cluster");
    this.asked.push(request.url ?? "");
    const json = (status: number, body: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (this.token !== "" && request.headers.authorization !== `Bearer ${this.token}`) {
      return void json(401, { kind: "Status", code: 401 });
    }
    if (pathname.startsWith("/apis/coordination.k8s.io/")) {
      return void this.leases.answer(pathname, request, response);
    }
    if (pathname === "/apis/tinkerbell.org") {
      const version = { groupVersion: "tinkerbell.org/v1alpha1", version: "v1alpha1" };
      return void json(200, { versions: [version], preferredVersion: version });
    }
    if (!/^\/apis\/tinkerbell\.org\/v1alpha1\/(namespaces\/tink\/)?hardware$/.test(pathname)) {
      return void json(404, { kind: "Status", code: 404 });
    }
    if (query.get("watch") === "1")
      return this.#watch(Number(query.get("resourceVersion")), response);
    const limit = Number(query.get("limit"));
    const from = Number(query.get("continue") ?? "0");
    const items = [...this.#objects.values()].slice(from, from + limit);
    const end = from + items.length;
    const rest = end < this.#objects.size ? { continue: String(end) } : {};
    const metadata = { resourceVersion: String(this.#version), ...rest };
    return void json(200, { kind: "HardwareList", metadata, items });
  }

  #watch(since: number, response: ServerResponse): void {
    const refused = this.watches;
    if (refused === "nothing") return void response.end();
    if (refused !== null && "status" in refused) {
      return void response.writeHead(refused.status).end("{}");
    }
    response.writeHead(200, { "content-type": "application/json" });
    if (since < this.#forgotten || refused !== null) {
      const code = refused?.error ?? 410;
      if (refused !== null) {
        const at = { metadata: { resourceVersion: String(this.#version) } };
        response.write(`${JSON.stringify({ type: "BOOKMARK", object: at })}\n`);
      }
      const object = { kind: "Status", code, message: "too old resource version" };
      response.end(`${JSON.stringify({ type: "ERROR", object })}\n`);
      return;
    }
    response.flushHeaders();
    for (const { version, line } of this.#log) if (version > since) response.write(`${line}\n`);
    this.#watchers.add(response);
    response.once("close", () => this.#watchers.delete(response));
  }
}
