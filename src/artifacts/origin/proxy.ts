import { ConfigError } from "../../lib/errors.ts";

export interface ProxySettings {
  /** The proxy for every request, from the configuration; null: as `environment` says. */
  readonly proxy: string | null;
  /** The values of HTTP_PROXY, HTTPS_PROXY and NO_PROXY. */
  readonly environment: {
    readonly httpProxy: string | null;
    readonly httpsProxy: string | null;
    readonly noProxy: string | null;
  };
}

/**
 * The proxy on the way to a URL; null for none. What the configuration names is used for everything;
 * the environment's proxies are subject to NO_PROXY.
 *
 * @throws ConfigError when what names the proxy is no URL
 */
export function proxyFor(url: string, { proxy, environment }: ProxySettings): URL | null {
  if (proxy !== null) return proxyUrl(proxy, "artifacts.proxy");
  const { httpProxy, httpsProxy, noProxy } = environment;
  const target = new URL(url);
  const secure = target.protocol === "https:";
  // curl does the same: an HTTPS origin may go through the proxy for HTTP where there is no other.
  const chosen = (secure ? httpsProxy || httpProxy : httpProxy) ?? "";
  const where = proxyUrl(chosen === "" ? "http://-" : chosen, "HTTP_PROXY or HTTPS_PROXY");
  return chosen === "" || isSpared(target, noProxy ?? "") ? null : where;
}

/** A proxy as texts may show it: without its credentials. */
export function shownProxy({ protocol, host }: URL): string {
  return `${protocol}//${host}`;
}

function proxyUrl(text: string, where: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url !== null && /^https?:$/.test(url.protocol) && url.hostname !== "") return url;
  throw new ConfigError([
    `${where}: the proxy must be a URL such as http://USER:PASSWORD@proxy.example:912`,
  ]);
}

/** NO_PROXY: names with all that is below them, optionally with a port; `*` is everything. */
function isSpared({ hostname, port, protocol }: URL, noProxy: string): boolean {
  const targetPort = port === "" ? (protocol === "https:" ? "443" : "80") : port;
  return noProxy
    .toLowerCase()
    .split(/[\s,]+/)
    .filter((entry) => entry !== "")
    .some((entry) => {
      const [, name = "", onlyPort] = /^(.*?)(?::(\d+))?$/.exec(entry) ?? [];
      if (onlyPort !== undefined && onlyPort !== targetPort) return false;
      if (name === "*") return true;
      const domain = name.replace(/^\*?\./, "");
      return hostname === domain || hostname.endsWith(`.${domain}`);
    });
}
