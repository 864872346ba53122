import type { ProxySettings } from "../../artifacts/origin/proxy.ts";
import { readText } from "../../config/load.ts";
import type { OrchestratorConfig } from "../../config/schema.ts";
import type { TokenUse } from "../../events/types.ts";
import { ConfigError } from "../../lib/errors.ts";
import { type Host, hostReply, hostsReply } from "../../nodes/registration.ts";
import { apiFindings } from "./api-rules.ts";
import { type JsonAnswer, JsonExchange, type JsonRequest, OrchestratorError } from "./exchange.ts";
import type { StageMetadata } from "./stage-reports.ts";
import { ApiToken } from "./token.ts";

/** The most that the API gives at once. */
const PAGE = 100;
const MOST_PAGES = 10;

export interface FoundHosts {
  readonly hosts: readonly Host[];
  readonly token: TokenUse;
}

type ApiFinding = (typeof apiFindings)[keyof typeof apiFindings];

/** The orchestrator's API for hosts. It is only read, but for the metadata of a host. */
export class HostApi {
  readonly #settings: OrchestratorConfig;
  readonly #exchange: JsonExchange;
  readonly #token: ApiToken;

  /**
   * @param now monotonic milliseconds
   * @param wholeMs how long one answer may take; default: 30 s
   */
  constructor(
    settings: OrchestratorConfig,
    { proxy, now, wholeMs }: { proxy: ProxySettings; now: () => number; wholeMs?: number },
  ) {
    this.#settings = settings;
    this.#exchange = new JsonExchange(proxy, readOrchestratorCa(settings), wholeMs);
    this.#token = new ApiToken(settings, this.#exchange, now);
  }

  /** Those that a filter finds. Rejects with `OrchestratorError`. */
  async find(filter: string): Promise<FoundHosts> {
    const hosts: Host[] = [];
    let token: TokenUse = "kept";
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const query = new URLSearchParams({
        filter,
        pageSize: String(PAGE),
        offset: String(page * PAGE),
      });
      const found = await this.#page(query);
      if (found.token !== "kept") token = found.token;
      hosts.push(...found.hosts);
      if (!found.hasNext) break;
    }
    return { hosts, token };
  }

  /**
   * Writes these keys into a host's metadata, and leaves all others as they are; false: there is no such host. The API takes
   * metadata as a whole, so it is read first. Rejects with `OrchestratorError`.
   */
  async writeMetadata(host: string, metadata: StageMetadata): Promise<boolean> {
    const url = `${this.#hostsUrl()}/${encodeURIComponent(host)}`;
    const found = await this.#ask(url, null);
    if (found.answer.status === 404) return false;
    this.#refuse(found.answer, apiFindings.forbidden);
    const read = hostReply.safeParse(found.answer.body).data;
    if (found.answer.status !== 200 || read === undefined) {
      throw this.#odd(found.answer, "it is no host");
    }
    const before = read.metadata ?? [];
    const others = before.filter(({ key }) => !Object.hasOwn(metadata, key));
    const ours = Object.entries(metadata).flatMap(([key, value]) =>
      value === null ? [] : [{ key, value }],
    );
    const json = { name: read.name ?? host, metadata: [...others, ...ours] };
    const written = await this.#ask(`${url}?fieldMask=metadata`, { json });
    if (written.answer.status === 404) return false;
    this.#refuse(written.answer, apiFindings.readOnly);
    if (written.answer.status !== 200) throw this.#odd(written.answer, "");
    return true;
  }

  close(): void {
    this.#exchange.close();
  }

  async #page(query: URLSearchParams): Promise<FoundHosts & { readonly hasNext: boolean }> {
    const { use, answer } = await this.#ask(`${this.#hostsUrl()}?${query.toString()}`, null);
    if (answer.status === 404) throw this.#failed(apiFindings.project, answer);
    this.#refuse(answer, apiFindings.forbidden);
    const read = hostsReply.safeParse(answer.body).data;
    if (answer.status !== 200 || read === undefined) {
      throw this.#odd(answer, "it is no list of hosts");
    }
    return { hosts: read.hosts ?? [], hasNext: read.hasNext === true, token: use };
  }

  #hostsUrl(): string {
    const { apiUrl, project } = this.#settings;
    return `${apiUrl.replace(/\/+$/, "")}/v1/projects/${encodeURIComponent(project)}/compute/hosts`;
  }

  async #ask(url: string, body: JsonRequest["body"]) {
    const ask = async () => {
      const { value, use } = await this.#token.get();
      const headers = { authorization: `Bearer ${value}` };
      return { use, answer: await this.#exchange.ask({ url, headers, body }) };
    };
    const asked = await ask();
    if (asked.answer.status !== 401) return asked;
    // It was taken back before its time.
    this.#token.forget();
    return ask();
  }

  /** @param forbidden why it may be that we may not */
  #refuse(answer: JsonAnswer, forbidden: ApiFinding): void {
    const { status } = answer;
    if (status === 401) throw this.#failed(apiFindings.token, answer);
    if (status === 403) throw this.#failed(forbidden, answer);
    if (status === 429 || status >= 500) {
      throw this.#failed(apiFindings.busy, answer, String(status));
    }
  }

  #odd(answer: JsonAnswer, why: string): OrchestratorError {
    return this.#failed(
      apiFindings.odd,
      answer,
      answer.status === 200 ? why : String(answer.status),
    );
  }

  #failed(row: ApiFinding, { retryAfterMs }: JsonAnswer, reason = ""): OrchestratorError {
    const { apiUrl, project } = this.#settings;
    return new OrchestratorError(
      row,
      { host: new URL(apiUrl).host, project, reason },
      retryAfterMs,
    );
  }
}

/**
 * The CA of `caFile`, as PEM text; null: none is named.
 *
 * @throws ConfigError when it cannot be used
 */
export function readOrchestratorCa({ caFile }: OrchestratorConfig): string | null {
  if (caFile === null) return null;
  const pem = readText(caFile, "CA");
  if (pem.includes("-----BEGIN CERTIFICATE-----")) return pem;
  throw new ConfigError([
    `${caFile}:1:1: holds no certificate in PEM form (-----BEGIN CERTIFICATE-----) (nodes.orchestrator.caFile)`,
  ]);
}

/**
 * Reads once, at the start, all files that the orchestrator is logged in to by.
 *
 * @throws ConfigError when one of them cannot be used
 */
export function checkOrchestratorFiles(settings: OrchestratorConfig): void {
  readOrchestratorCa(settings);
  for (const key of ["usernameFile", "passwordFile", "clientSecretFile"] as const) {
    const file = settings[key];
    if (file === null || readText(file, `nodes.orchestrator.${key}`).trim() !== "") continue;
    throw new ConfigError([`${file}:1:1: is empty (nodes.orchestrator.${key})`]);
  }
}
