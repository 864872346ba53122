import type { ProxySettings } from "../../artifacts/origin/proxy.ts";
import { readText } from "../../config/load.ts";
import type { OrchestratorConfig } from "../../config/schema.ts";
import type { TokenUse } from "../../events/types.ts";
import { ConfigError } from "../../lib/errors.ts";
import { type Host, hostsReply } from "../../nodes/registration.ts";
import { apiFindings } from "./api-rules.ts";
import { JsonExchange, OrchestratorError } from "./exchange.ts";
import { ApiToken } from "./token.ts";

/** The most that the API gives at once. */
const PAGE = 100;
const MOST_PAGES = 10;

export interface FoundHosts {
  readonly hosts: readonly Host[];
  readonly token: TokenUse;
}

/** The orchestrator's API for hosts. It is only read. */
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

  close(): void {
    this.#exchange.close();
  }

  async #page(query: URLSearchParams): Promise<FoundHosts & { readonly hasNext: boolean }> {
    const { apiUrl, project } = this.#settings;
    const url = `${apiUrl.replace(/\/+$/, "")}/v1/projects/${encodeURIComponent(project)}/compute/hosts?${query.toString()}`;
    const { host } = new URL(url);
    const ask = async () => {
      const { value, use } = await this.#token.get();
      const headers = { authorization: `Bearer ${value}` };
      return { use, answer: await this.#exchange.ask({ url, headers, form: null }) };
    };
    let asked = await ask();
    if (asked.answer.status === 401) {
      // It was taken back before its time.
      this.#token.forget();
      asked = await ask();
    }
    const { use, answer } = asked;
    const { status, body, retryAfterMs } = answer;
    const failed = (row: (typeof apiFindings)[keyof typeof apiFindings], reason = "") =>
      new OrchestratorError(row, { host, project, reason }, retryAfterMs);
    if (status === 401) throw failed(apiFindings.token);
    if (status === 403) throw failed(apiFindings.forbidden);
    if (status === 404) throw failed(apiFindings.project);
    if (status === 429 || status >= 500) throw failed(apiFindings.busy, String(status));
    const read = hostsReply.safeParse(body).data;
    if (status !== 200 || read === undefined) {
      throw failed(apiFindings.odd, status === 200 ? "it is no list of hosts" : String(status));
    }
    return { hosts: read.hosts ?? [], hasNext: read.hasNext === true, token: use };
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
