import type { IncomingMessage } from "node:http";
import { rootCertificates } from "node:tls";
import { type WayOut, wayOut } from "../../artifacts/origin/agent.ts";
import { explainTransport, type OriginFacts } from "../../artifacts/origin/origin-errors.ts";
import {
  type ProxyEnvironment,
  proxyFor,
  type ProxySettings,
} from "../../artifacts/origin/proxy.ts";
import type { RemoteImages } from "../../http/boot/content.ts";
import type { OpenFile, ReadBytes } from "../../http/files/open-file.ts";
import { BoundedMap } from "../../lib/bounded-map.ts";
import { printable } from "../../lib/bytes.ts";
import type { Clock } from "../../lib/clock.ts";
import { SyncError } from "../../lib/errors.ts";
import type { Settings } from "../settings/settings.ts";

export interface RemoteImagesOptions extends ProxySettings {
  /** Believed besides the roots that Node brings, as PEM text. */
  readonly ca: string | null;
  readonly clock: Pick<Clock, "now">;
  readonly timeoutMs?: number;
}

/** What a server says of an image. */
interface Facts {
  readonly size: number;
  readonly etag: string | null;
  readonly modifiedMs: number;
}

/** A BMC reads in hundreds of parts: what is known of the image is asked for once in so long. */
const keepMs = 10_000;
const maxRedirects = 10;
const maxKept = 64;
const connectTimeoutMs = 10_000;
/** One part has to be here in that time. */
const usualTimeoutMs = 60_000;

/**
 * Images of other servers, by ranges: of each no more is fetched than a BMC asks for, and nothing is kept. What
 * comes is of one version: where the image changes meanwhile, the download breaks off.
 */
export class RemoteImageFiles implements RemoteImages {
  readonly #options: RemoteImagesOptions;
  /** By origin: `https://files.example:8443`. */
  readonly #ways = new BoundedMap<string, WayOut>(maxKept);
  readonly #known = new BoundedMap<string, { readonly facts: Facts; readonly atMs: number }>(
    maxKept,
  );

  constructor(options: RemoteImagesOptions) {
    this.#options = options;
  }

  async open(url: string): Promise<OpenFile> {
    const facts = await this.#factsOf(url);
    return {
      size: facts.size,
      modifiedMs: facts.modifiedMs,
      inMemory: () => null,
      read: (offset, length) => this.#read(url, facts, offset, length),
      close: () => {},
    };
  }

  async #factsOf(url: string): Promise<Facts> {
    const nowMs = this.#options.clock.now();
    const known = this.#known.get(url);
    if (known !== undefined && nowMs - known.atMs < keepMs) return known.facts;
    const { facts } = await this.#ask(url, 0, 1);
    this.#known.set(url, { facts, atMs: nowMs });
    return facts;
  }

  async #read(url: string, known: Facts, offset: number, length: number): Promise<ReadBytes> {
    const wanted = Math.min(length, known.size - offset);
    if (wanted <= 0) return { bytes: new Uint8Array(), release: () => {} };
    const { facts, bytes } = await this.#ask(url, offset, wanted);
    if (facts.size !== known.size || facts.etag !== known.etag) {
      this.#known.delete(url);
      throw new SyncError(`${shown(url)} was changed while it was read; it is read anew`);
    }
    return { bytes, release: () => {} };
  }

  /** Some bytes, wherever the server sends us for them. */
  async #ask(
    asked: string,
    offset: number,
    length: number,
  ): Promise<{ readonly facts: Facts; readonly bytes: Uint8Array }> {
    const { timeoutMs = usualTimeoutMs } = this.#options;
    const signal = AbortSignal.timeout(timeoutMs);
    let url = asked;
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const range = `bytes=${offset}-${offset + length - 1}`;
      const response = await this.#request(url, range, signal);
      const target = targetOf(response, url);
      if (target === null) return this.#part(response, url, offset, length);
      response.destroy();
      url = target;
    }
    throw new SyncError(`${shown(asked)} sends us on more than ${maxRedirects} times`);
  }

  async #part(response: IncomingMessage, url: string, offset: number, length: number) {
    const { statusCode = 0, headers } = response;
    const range = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(headers["content-range"] ?? "");
    const [first, last, size] = (range ?? []).slice(1).map(Number);
    const isAsked = first === offset && last === offset + length - 1;
    if (statusCode !== 206 || size === undefined || !isAsked) {
      response.destroy();
      throw new SyncError(whyNoPart(statusCode, url));
    }
    const bytes = Buffer.allocUnsafeSlow(length);
    let filled = 0;
    try {
      for await (const chunk of response as AsyncIterable<Uint8Array>) {
        if (filled + chunk.length > length) break;
        bytes.set(chunk, filled);
        filled += chunk.length;
      }
    } catch (error) {
      throw explainTransport(error, nameOf(url), this.#factsFor(url));
    }
    if (filled !== length) throw new SyncError(`${shown(url)} ended before its end`);
    const modifiedMs = Date.parse(headers["last-modified"] ?? "");
    const facts = {
      size,
      etag: headers.etag ?? null,
      modifiedMs: Number.isNaN(modifiedMs) ? 0 : modifiedMs,
    };
    return { facts, bytes };
  }

  #request(url: string, range: string, signal: AbortSignal): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const headers = { "accept-encoding": "identity", "user-agent": "eim-pxe", range };
      const asked = this.#wayTo(url).request(url, { method: "GET", signal, headers });
      asked.once("response", (response) => {
        // Nobody may have begun to read it when it ends.
        response.on("error", () => {});
        resolve(response);
      });
      asked.on("error", (error) => {
        reject(explainTransport(error, nameOf(url), this.#factsFor(url)));
      });
      asked.end();
    });
  }

  #wayTo(url: string): WayOut {
    const { origin } = new URL(url);
    const known = this.#ways.get(origin);
    if (known !== undefined) return known;
    const { ca } = this.#options;
    const trusted = ca === null ? null : [...rootCertificates, ca].join("\n");
    const way = wayOut(url, {
      proxy: proxyFor(url, this.#options),
      ca: trusted,
      connectTimeoutMs,
    });
    this.#ways.set(origin, way);
    return way;
  }

  #factsFor(url: string): OriginFacts {
    return {
      // A user and a password are the server's alone.
      url: shown(url).replace(/\/[^/]*$/, ""),
      key: "iso.source",
      accept: "name its CA in artifacts.ca.file and start the program again",
      ca: this.#options.ca === null ? null : "Node's roots and artifacts.ca.file",
      proxy: proxyFor(url, this.#options),
    };
  }
}

/** As a configuration has them fetched. */
export function remoteImages({
  settings: { config, ca },
  proxyEnvironment: environment,
  clock,
}: {
  readonly settings: Pick<Settings, "config" | "ca">;
  readonly proxyEnvironment: ProxyEnvironment;
  readonly clock: Clock;
}): RemoteImages {
  return new RemoteImageFiles({ proxy: config.artifacts.proxy, environment, ca, clock });
}

/** Where a redirection leads; null: it is none. */
function targetOf({ statusCode = 0, headers }: IncomingMessage, from: string): string | null {
  if (![301, 302, 303, 307, 308].includes(statusCode)) return null;
  const { location } = headers;
  if (location === undefined || !URL.canParse(location, from)) return null;
  const target = new URL(location, from);
  return /^https?:$/.test(target.protocol) ? target.href : null;
}

function whyNoPart(status: number, url: string): string {
  if (status === 200 || status === 206) {
    return `${shown(url)} is answered without ranges: let a server that knows Range (nginx, Apache) serve the image, or copy it to this host and name the file in iso.source`;
  }
  const why = status === 404 || status === 410 ? "it is not there" : `status ${status}`;
  return `${shown(url)} was not sent: ${why}. Look at iso.source, and isoUrl of the machine's entry`;
}

/** Without the query, which may have a secret in it. */
function shown(url: string): string {
  const { origin, pathname } = new URL(url);
  return printable(`${origin}${pathname}`, 256);
}

function nameOf(url: string): string {
  return url.slice(url.lastIndexOf("/") + 1).replace(/\?.*$/s, "");
}
