import { isIP } from "node:net";
import { ConfigError } from "../../lib/errors.ts";
import { isSpared } from "./no-proxy.ts";

/** What the environment says of proxies; empty variables are as good as none. */
export interface ProxyEnvironment {
  /** `http_proxy`. In capitals it does not count: a web server hands a request's `Proxy:` header on so. */
  readonly httpProxy: string | null;
  readonly httpsProxy: string | null;
  /** `all_proxy`: for what has no proxy of its own. */
  readonly allProxy: string | null;
  readonly noProxy: string | null;
}

/** An environment without proxies. */
export const noProxies: ProxyEnvironment = {
  httpProxy: null,
  httpsProxy: null,
  allProxy: null,
  noProxy: null,
};

export interface ProxySettings {
  /** The proxy for every request, from the configuration; null: as `environment` says. */
  readonly proxy: string | null;
  readonly environment: ProxyEnvironment;
}

/** A proxy that speaks HTTP. */
export interface Proxy {
  /** Whether it is spoken to by TLS. */
  readonly secure: boolean;
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** The value of Proxy-Authorization; null where its URL has no user name and password. */
  readonly authorization: string | null;
  /** Its URL as texts may show it: without credentials. */
  readonly shown: string;
}

/** curl's port for a proxy whose URL names none. */
const CURL_PROXY_PORT = 1080;

/**
 * The proxy on the way to a URL; null for none. What the configuration names is used for everything; of
 * the environment what curl makes of it.
 *
 * @throws ConfigError when what names the proxy cannot be used
 */
export function proxyFor(url: string, { proxy, environment }: ProxySettings): Proxy | null {
  if (proxy !== null) return readProxy(proxy, { where: "artifacts.proxy", port: 80 });
  const { httpProxy, httpsProxy, allProxy, noProxy } = environment;
  const isSecure = new URL(url).protocol === "https:";
  const own = isSecure ? httpsProxy : httpProxy;
  const chosen = own ?? allProxy;
  if (chosen === null || isSpared(url, noProxy ?? "")) return null;
  const variable = own === null ? "all_proxy" : isSecure ? "https_proxy" : "http_proxy";
  const named = { where: `the environment's ${variable}`, port: CURL_PROXY_PORT };
  // As curl takes it.
  return readProxy(/^[^:]+:\/\//.test(chosen.trim()) ? chosen : `http://${chosen.trim()}`, named);
}

/** @param named what names it, for messages, and which port it has where it says none */
function readProxy(
  text: string,
  { where, port: defaultPort }: { readonly where: string; readonly port: number },
): Proxy {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(text.trim())?.[1]?.toLowerCase() ?? null;
  if (scheme?.startsWith("socks") === true) {
    throw new ConfigError([
      `${where}: SOCKS proxies (${scheme}) are not supported; name a proxy that speaks HTTP, such as ` +
        "http://proxy.example:912, or spare the origin's host by NO_PROXY",
    ]);
  }
  const whole = text.trim();
  const url = URL.canParse(whole) ? new URL(whole) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.hostname === "") {
    throw new ConfigError([
      `${where}: the proxy must be a URL such as http://USER:PASSWORD@proxy.example:912`,
    ]);
  }
  const secure = url.protocol === "https:";
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(portIn(whole) ?? (secure ? 443 : defaultPort));
  const shownHost = isIP(host) === 6 ? `[${host}]` : host;
  return {
    secure,
    host,
    port,
    authorization: basicOf(url),
    shown: `${url.protocol}//${shownHost}:${port}`,
  };
}

/** The port that is written there: `URL` drops the one that its scheme has. */
function portIn(text: string): string | null {
  const authority = /^[^:]+:\/\/([^/?#]*)/.exec(text)?.[1] ?? "";
  return /:(\d+)$/.exec(authority.slice(authority.lastIndexOf("@") + 1))?.[1] ?? null;
}

/** RFC 7617. A `%` that begins no escape stands for itself. */
function basicOf({ username, password }: URL): string | null {
  if (username === "" && password === "") return null;
  const credentials = Buffer.concat([unescaped(username), Buffer.from(":"), unescaped(password)]);
  return `Basic ${credentials.toString("base64")}`;
}

function unescaped(text: string): Buffer {
  const parts = text.split(/(%[0-9a-f]{2})/i);
  return Buffer.concat(
    parts.map((part, at) =>
      at % 2 === 1 ? Buffer.from(part.slice(1), "hex") : Buffer.from(part, "utf8"),
    ),
  );
}
