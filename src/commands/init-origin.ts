import { UntrustedError } from "../artifacts/origin/origin-errors.ts";
import type { ProxySettings } from "../artifacts/origin/proxy.ts";
import { createSource } from "../artifacts/origin/trusted-origin.ts";
import {
  createFetchedTrust,
  expectedIn,
  fingerprintsIn,
  fixedTrust,
  type Trust,
} from "../artifacts/origin/trust.ts";
import { readText } from "../config/load.ts";
import { type Environment, proxyEnvironment } from "../daemon/settings/environment.ts";
import { ConfigError, messageOf, SyncError } from "../lib/errors.ts";
import type { CaProposal } from "../setup/configuration-text.ts";

/** What was found where the orchestrator is said to be. */
export interface OriginFound {
  readonly url: string;
  readonly ca: CaProposal;
  /** Of a CA that was fetched: its SHA-256, and why it is believed. */
  readonly fetched: {
    readonly fingerprint: string;
    readonly how: "pinned" | "public" | "first-use";
  } | null;
  /** It did not answer, so it is not known who signed its certificate. */
  readonly isUnseen: boolean;
  /** Why it cannot be used now; null: it answers and has a boot.ipxe. */
  readonly problem: string | null;
}

/**
 * The CA as the configuration has it: a file's SHA-256 is checked here and now, and not kept.
 *
 * @throws ConfigError when the file has another one
 */
export function checkedCa(ca: CaProposal): CaProposal {
  const { file, sha256 } = ca;
  if (file === null || sha256 === null) return ca;
  const text = readText(file, "CA");
  const all = fingerprintsIn(text);
  const pinned = expectedIn(text, sha256);
  if (pinned === null) {
    throw new ConfigError([
      `${file} is not the CA that --ca-sha256 expects (${sha256}): its fingerprints are ` +
        `${all.join(", ") || "none, for it holds no certificate"}. Compare them with the orchestrator's operator.`,
    ]);
  }
  // All that the file holds is believed later.
  if (pinned !== text && all.length > 1) {
    throw new ConfigError([
      `${file} holds more than the certificate that --ca-sha256 expects: leave only that one in it, or give the ` +
        "SHA-256 of the whole file",
    ]);
  }
  return { ...ca, sha256: null };
}

/** The first of the URLs that answers; with none, the first one and why. */
export async function findOrigin(
  urls: readonly string[],
  ca: CaProposal,
  environment: Environment,
): Promise<OriginFound> {
  let first: OriginFound | null = null;
  for (const url of urls) {
    const found = await lookAt(url, ca, environment);
    if (found.problem === null) return found;
    first ??= found;
  }
  return first ?? { url: "", ca, fetched: null, isUnseen: true, problem: "no URL was given" };
}

async function lookAt(url: string, ca: CaProposal, environment: Environment): Promise<OriginFound> {
  const way = { proxy: null, environment: proxyEnvironment(environment) };
  if (ca.file !== null) {
    const pem = readText(ca.file, "CA");
    return ask(url, ca, fixedTrust({ pem, file: ca.file }), way);
  }
  if (ca.url !== null || ca.sha256 !== null) {
    return withFetched(url, { ...ca, url: ca.url ?? ownCa(url) }, way);
  }
  try {
    return await ask(url, ca, fixedTrust(null), way, true);
  } catch (error) {
    if (!(error instanceof UntrustedError)) throw error;
    return withFetched(url, { ...ca, url: ownCa(url) }, way);
  }
}

/** The orchestrator gives its CA there, under the very certificate that it is the CA of. */
function ownCa(url: string): string {
  return `${url}/keys/Full_server.crt`;
}

async function withFetched(url: string, ca: CaProposal, way: ProxySettings): Promise<OriginFound> {
  let fetched: OriginFound["fetched"] = null;
  const trust = createFetchedTrust({
    url: ca.url ?? ownCa(url),
    sha256: ca.sha256,
    directory: null,
    ...way,
    emit: (event) => {
      if (event.event !== "ca-trusted") return;
      fetched = { fingerprint: event.fingerprint, how: event.how };
    },
  });
  const found = await ask(url, ca, trust, way);
  return { ...found, fetched };
}

/** @throws UntrustedError where `untrustedThrows` */
async function ask(
  url: string,
  ca: CaProposal,
  trust: Trust,
  way: ProxySettings,
  untrustedThrows = false,
): Promise<OriginFound> {
  const found = { url, ca, fetched: null, isUnseen: false };
  const limits = { connectTimeoutMs: 5000, stallTimeoutMs: 10_000 };
  const source = createSource({ url, ...way, ...limits }, trust);
  try {
    const origin = await source.origin();
    const state = await origin.ask("boot.ipxe", null, AbortSignal.timeout(20_000));
    const problem =
      state.kind === "absent"
        ? `${url}/boot.ipxe does not exist (404): check the path, which ends in /tink-stack; while the ` +
          "orchestrator builds its files (5 to 15 minutes after a start) this is to be expected"
        : null;
    return { ...found, problem };
  } catch (error) {
    if (!(error instanceof SyncError)) throw error;
    if (untrustedThrows && error instanceof UntrustedError) throw error;
    return { ...found, isUnseen: true, problem: messageOf(error) };
  } finally {
    await source.close();
  }
}
