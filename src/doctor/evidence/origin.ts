import { wayOut } from "../../artifacts/origin/agent.ts";
import { proxyFor, type ProxySettings } from "../../artifacts/origin/proxy.ts";
import { createSource } from "../../artifacts/origin/trusted-origin.ts";
import { createFetchedTrust, fixedTrust, type Trust } from "../../artifacts/origin/trust.ts";
import { mirroredFiles } from "../../config/schema.ts";
import { artifactFolder } from "../../daemon/content/mirror.ts";
import { type Environment, proxyEnvironment } from "../../daemon/settings/environment.ts";
import type { Settings } from "../../daemon/settings/settings.ts";
import { messageOf, SyncError } from "../../lib/errors.ts";
import type { OriginState } from "../site.ts";

/** What a person waits for who has asked for it. */
const PATIENCE_MS = 10_000;

/** Asks each origin for every file that is mirrored, without fetching any. */
export async function askOrigins(
  settings: Settings,
  environment: Environment,
  now: () => number,
): Promise<readonly OriginState[]> {
  const { config } = settings;
  const urls = config.artifacts.origin ?? [];
  const way = { proxy: config.artifacts.proxy, environment: proxyEnvironment(environment) };
  const trust = trustOf(settings, way);
  const states: OriginState[] = [];
  for (const url of urls) states.push(await askOne(url, mirroredFiles(config), trust, way, now));
  return states;
}

function trustOf({ config, ca }: Settings, way: ProxySettings): Trust {
  const { file, url, sha256 } = config.artifacts.ca;
  if (url !== null) {
    // Asking must change nothing.
    const memory = { directory: artifactFolder(config), isReadOnly: true };
    return createFetchedTrust({ url, sha256, ...memory, ...way, emit: () => {} });
  }
  return fixedTrust(ca === null ? null : { pem: ca, file: file ?? "artifacts.ca" });
}

async function askOne(
  url: string,
  files: readonly string[],
  trust: Trust,
  way: ProxySettings,
  now: () => number,
): Promise<OriginState> {
  const stallTimeoutMs = PATIENCE_MS;
  const source = createSource({ url, ...way, connectTimeoutMs: 5000, stallTimeoutMs }, trust);
  const base = { url, missing: [], certificate: null, aheadMs: await aheadOf(url, way, now) };
  try {
    const origin = await source.origin();
    const missing: string[] = [];
    for (const name of files) {
      const state = await origin.ask(name, null, AbortSignal.timeout(2 * PATIENCE_MS));
      if (state.kind === "absent") missing.push(name);
    }
    return { ...base, fault: null, missing, certificate: origin.certificate() };
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    return { ...base, fault: { message: messageOf(error), finding: error.finding } };
  } finally {
    await source.close();
  }
}

/** How far this host's clock is ahead of the origin's header Date. Its certificate does not matter for that. */
async function aheadOf(url: string, way: ProxySettings, now: () => number): Promise<number | null> {
  const out = wayOut(url, {
    proxy: proxyFor(url, way),
    ca: null,
    acceptsAny: true,
    connectTimeoutMs: 5000,
  });
  try {
    const date = await new Promise<string | undefined>((resolve, reject) => {
      const asked = out.request(`${url}/boot.ipxe`, {
        method: "HEAD",
        signal: AbortSignal.timeout(PATIENCE_MS),
        headers: { "user-agent": "eim-pxe" },
      });
      asked.once("response", (response) => {
        response.resume();
        resolve(response.headers.date);
      });
      asked.once("error", reject);
      asked.end();
    });
    const theirs = Date.parse(date ?? "");
    return Number.isNaN(theirs) ? null : now() - theirs;
  } catch {
    // Why is what the check of the origin says.
    return null;
  } finally {
    out.close();
  }
}
