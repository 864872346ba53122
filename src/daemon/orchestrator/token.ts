import { z } from "zod";
import { readText } from "../../config/load.ts";
import type { OrchestratorConfig } from "../../config/schema.ts";
import type { TokenUse } from "../../events/types.ts";
import { printable } from "../../lib/bytes.ts";
import { ConfigError, messageOf } from "../../lib/errors.ts";
import { apiFindings } from "./api-rules.ts";
import { type JsonAnswer, type JsonExchange, OrchestratorError } from "./exchange.ts";

/** OpenID Connect Discovery 1.0, 3 and 4.3. */
const discovery = z.looseObject({ issuer: z.string(), token_endpoint: z.url() });
/** RFC 6749, 5.1. */
const granted = z.looseObject({
  access_token: z.string().min(1),
  expires_in: z.number().nullish(),
  refresh_token: z.string().nullish(),
});
/** RFC 6749, 5.2. */
const refused = z.looseObject({
  error: z.string(),
  error_description: z.string().nullish(),
});

interface KeptToken {
  readonly value: string;
  readonly refresh: string | null;
  readonly untilMs: number;
}

/** Where the server does not say. */
const USUAL_SECONDS = 60;
/** A token is renewed so long before it expires, at most. */
const MARGIN_MS = 30_000;

/** The token by which the API is asked: fetched when it is wanted, kept until it expires, then refreshed. */
export class ApiToken {
  readonly #settings: OrchestratorConfig;
  readonly #exchange: JsonExchange;
  readonly #now: () => number;
  #endpoint: string | null = null;
  #kept: KeptToken | null = null;
  #wasGranted = false;

  /** @param now monotonic milliseconds */
  constructor(settings: OrchestratorConfig, exchange: JsonExchange, now: () => number) {
    this.#settings = settings;
    this.#exchange = exchange;
    this.#now = now;
  }

  /** Rejects with `OrchestratorError`. */
  async get(): Promise<{ readonly value: string; readonly use: TokenUse }> {
    const kept = this.#kept;
    if (kept !== null && this.#now() < kept.untilMs) return { value: kept.value, use: "kept" };
    const use = this.#wasGranted ? "renewed" : "new";
    const next = (await this.#refreshed(kept?.refresh ?? null)) ?? (await this.#login());
    this.#kept = next;
    this.#wasGranted = true;
    return { value: next.value, use };
  }

  /** The API does not take it any more. */
  forget(): void {
    this.#kept = null;
  }

  /** Null where there is nothing to refresh by, or the server wants a new login. */
  async #refreshed(refreshToken: string | null): Promise<KeptToken | null> {
    if (refreshToken === null) return null;
    const answer = await this.#ask({ grant_type: "refresh_token", refresh_token: refreshToken });
    return answer.status === 200 ? this.#read(answer) : null;
  }

  async #login(): Promise<KeptToken> {
    const { usernameFile, passwordFile } = this.#settings;
    const answer = await this.#ask(
      usernameFile === null || passwordFile === null
        ? { grant_type: "client_credentials", scope: "openid" }
        : {
            grant_type: "password",
            scope: "openid",
            username: secretIn(usernameFile),
            password: secretIn(passwordFile),
          },
    );
    const { host } = new URL(this.#settings.issuerUrl);
    if (answer.status === 200) return this.#read(answer);
    // What was discovered may have moved.
    this.#endpoint = null;
    if (answer.status === 429 || answer.status >= 500) {
      throw new OrchestratorError(
        apiFindings.busy,
        { host, reason: answer.status },
        answer.retryAfterMs,
      );
    }
    const said = refused.safeParse(answer.body).data;
    const why = said === undefined ? "" : `: ${said.error_description ?? said.error}`;
    const reason = printable(`${answer.status}${why}`, 200);
    throw new OrchestratorError(apiFindings.login, { host, reason });
  }

  async #ask(grant: Readonly<Record<string, string>>): Promise<JsonAnswer> {
    const { clientId, clientSecretFile } = this.#settings;
    const secret = clientSecretFile === null ? null : secretIn(clientSecretFile);
    const form = new URLSearchParams({
      ...grant,
      client_id: clientId,
      ...(secret === null ? {} : { client_secret: secret }),
    });
    this.#endpoint ??= await this.#discover();
    return this.#exchange.ask({ url: this.#endpoint, headers: {}, body: form });
  }

  #read({ body }: JsonAnswer): KeptToken {
    const { host } = new URL(this.#settings.issuerUrl);
    const read = granted.safeParse(body).data;
    // It goes into a header.
    if (read === undefined || !/^[!-~]+$/.test(read.access_token)) {
      throw new OrchestratorError(apiFindings.odd, { host, reason: "no token is in it" });
    }
    const lifeMs = Math.max(0, read.expires_in ?? USUAL_SECONDS) * 1000;
    return {
      value: read.access_token,
      refresh: read.refresh_token ?? null,
      untilMs: this.#now() + lifeMs - Math.min(MARGIN_MS, lifeMs / 10),
    };
  }

  async #discover(): Promise<string> {
    const issuer = this.#settings.issuerUrl.replace(/\/+$/, "");
    const { host, protocol } = new URL(issuer);
    const url = `${issuer}/.well-known/openid-configuration`;
    const { status, body, retryAfterMs } = await this.#exchange.ask({
      url,
      headers: {},
      body: null,
    });
    if (status === 429 || status >= 500) {
      throw new OrchestratorError(apiFindings.busy, { host, reason: status }, retryAfterMs);
    }
    const odd = (reason: string) => new OrchestratorError(apiFindings.odd, { host, reason });
    const read = discovery.safeParse(body).data;
    if (status !== 200 || read === undefined) {
      throw odd(`there is no OpenID Connect configuration at ${url} (${status})`);
    }
    if (read.issuer.replace(/\/+$/, "") !== issuer) {
      throw odd(`it is the issuer ${printable(read.issuer, 200)}, not ${issuer}`);
    }
    if (protocol === "https:" && new URL(read.token_endpoint).protocol !== "https:") {
      throw odd(`its token endpoint ${printable(read.token_endpoint, 200)} is not https`);
    }
    return read.token_endpoint;
  }
}

/** Read at each login: secrets are renewed under us. */
function secretIn(file: string): string {
  try {
    return readText(file, "secret").trim();
  } catch (error) {
    const reason = error instanceof ConfigError ? error.problems.join("; ") : messageOf(error);
    throw new OrchestratorError(apiFindings.secret, { reason });
  }
}
