import { createServer as createHttp, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttps } from "node:https";
import { z } from "zod";
import type { Certificate } from "../../src/lib/certificate.ts";

export interface RegisteredHost {
  readonly resourceId: string;
  readonly uuid: string;
  readonly serialNumber: string;
  readonly currentState?: string;
}

/** What the API takes as metadata (CORE apiv2, openapi.yaml). */
const word = /^([a-z0-9]([a-z0-9._-]*[a-z0-9])?)?$/;
const hostPatch = z.strictObject({
  name: z.string().min(1),
  metadata: z
    .array(
      z.strictObject({
        key: z.string().min(1).max(316).regex(word),
        value: z.string().max(63).regex(word),
      }),
    )
    .max(100),
});

/** What the API takes as a filter. */
const FILTER = /^[a-zA-Z\-_0-9.,:/=*(){}"' ]{0,1000}$/;

/**
 * The orchestrator's identity provider (Keycloak, under a path of its own) and its API for hosts: OpenID Connect
 * discovery, the grants password, refresh_token and client_credentials, tokens that expire, and lists of hosts by filter.
 */
export class HostApiDouble {
  readonly #server;
  readonly hosts: RegisteredHost[] = [];
  readonly #tokens = new Map<string, number>();
  readonly #refreshTokens = new Set<string>();
  #count = 0;
  password = "s3cret";
  clientSecret: string | null = null;
  /** Monotonic, in milliseconds. */
  now = 0;
  expiresInSeconds = 3600;
  /** What every question for hosts gets: a status, or no answer at all. Null: hosts. */
  refuses: number | "silence" | null = null;
  /** Of each answer of the issuer. */
  issuer: string | null = null;
  /** `grant_type`s in order. */
  readonly grants: string[] = [];
  /** Of hosts, by id. */
  readonly metadata = new Map<string, readonly { key: string; value: string }[]>();
  /** How often metadata was written. */
  writes = 0;
  /** What every write gets; null: it is taken. */
  refusesWrites: number | null = null;
  /** Filters in order. */
  readonly filters: string[] = [];
  port = 0;
  readonly #scheme: string;

  constructor(certificate: Certificate | null = null) {
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      void this.#answer(request, response);
    };
    this.#scheme = certificate === null ? "http" : "https";
    this.#server = certificate === null ? createHttp(answer) : createHttps(certificate, answer);
  }

  get apiUrl(): string {
    return `${this.#scheme}://localhost:${this.port}`;
  }

  get issuerUrl(): string {
    return `${this.apiUrl}/auth/realms/master`;
  }

  async open(): Promise<void> {
    await new Promise<void>((resolve) => this.#server.listen(this.port, "127.0.0.1", resolve));
    const bound = this.#server.address();
    if (typeof bound === "object") this.port = bound?.port ?? 0;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  /** As when somebody ends all sessions. */
  revokeTokens(): void {
    this.#tokens.clear();
    this.#refreshTokens.clear();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname, searchParams } = new URL(request.url ?? "/", this.apiUrl);
    const json = (status: number, body: object) => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (pathname === "/auth/realms/master/.well-known/openid-configuration") {
      json(200, {
        issuer: this.issuer ?? this.issuerUrl,
        token_endpoint: `${this.issuerUrl}/protocol/openid-connect/token`,
      });
    } else if (pathname === "/auth/realms/master/protocol/openid-connect/token") {
      let body = "";
      for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
      this.#grant(new URLSearchParams(body), json);
    } else if (pathname === "/v1/projects/site-1/compute/hosts") {
      this.#list(request, searchParams, json);
    } else if (pathname.startsWith("/v1/projects/site-1/compute/hosts/")) {
      let body = "";
      for await (const chunk of request.setEncoding("utf8")) body += String(chunk);
      this.#host(request, pathname.replace(/^.*\//, ""), searchParams, body, json);
    } else json(404, { code: "NotFound", message: pathname });
  }

  #grant(form: URLSearchParams, json: (status: number, body: object) => void): void {
    const grant = form.get("grant_type") ?? "";
    this.grants.push(grant);
    const isRight =
      grant === "refresh_token"
        ? this.#refreshTokens.delete(form.get("refresh_token") ?? "")
        : grant === "password"
          ? form.get("username") === "reader" && form.get("password") === this.password
          : grant === "client_credentials" && form.get("client_secret") === this.clientSecret;
    if (form.get("client_id") !== "system-client") return json(401, { error: "invalid_client" });
    if (!isRight) {
      const why = { error: "invalid_grant", error_description: "Invalid user credentials" };
      return json(401, why);
    }
    const token = `token-${++this.#count}`;
    this.#tokens.set(token, this.now + this.expiresInSeconds * 1000);
    const refresh = `refresh-${this.#count}`;
    this.#refreshTokens.add(refresh);
    return json(200, {
      access_token: token,
      expires_in: this.expiresInSeconds,
      refresh_token: refresh,
    });
  }

  /** One host: read, and its metadata written as a whole. */
  #host(
    { method, headers }: IncomingMessage,
    id: string,
    query: URLSearchParams,
    body: string,
    json: (status: number, body: object) => void,
  ): void {
    if (this.refuses === "silence") return;
    if (this.refuses !== null) return json(this.refuses, { message: "no" });
    const until = this.#tokens.get((headers.authorization ?? "").replace("Bearer ", "")) ?? 0;
    if (this.now >= until) return json(401, { message: "token is expired" });
    const host = this.hosts.find(({ resourceId }) => resourceId === id);
    if (host === undefined) return json(404, { message: "not found" });
    if (method === "PATCH") {
      this.writes += 1;
      if (this.refusesWrites !== null) return json(this.refusesWrites, { message: "no" });
      const read = hostPatch.safeParse(JSON.parse(body)).data;
      const isMasked = query.get("fieldMask") === "metadata";
      if (read === undefined || !isMasked) return json(400, { message: "invalid" });
      this.metadata.set(id, read.metadata);
    }
    return json(200, { ...host, name: id, metadata: this.metadata.get(id) ?? [] });
  }

  #list(
    { headers }: IncomingMessage,
    query: URLSearchParams,
    json: (status: number, body: object) => void,
  ): void {
    const filter = query.get("filter") ?? "";
    this.filters.push(filter);
    if (this.refuses === "silence") return;
    if (this.refuses !== null) return json(this.refuses, { message: "no" });
    const until = this.#tokens.get((headers.authorization ?? "").replace("Bearer ", "")) ?? 0;
    if (this.now >= until) return json(401, { message: "token is expired" });
    if (!FILTER.test(filter)) return json(400, { message: "invalid filter" });
    const wanted = [...filter.matchAll(/(uuid|serialNumber)='([^']*)'/g)];
    const hosts = this.hosts.filter((host) =>
      wanted.some(([, key, value]) => (key === "uuid" ? host.uuid : host.serialNumber) === value),
    );
    const offset = Number(query.get("offset"));
    const page = hosts.slice(offset, offset + Math.min(100, Number(query.get("pageSize"))));
    const hasNext = offset + page.length < hosts.length;
    return json(200, { hosts: page, totalElements: hosts.length, hasNext });
  }
}
