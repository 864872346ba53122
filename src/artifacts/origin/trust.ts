import { createHash, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { replaceFile } from "../../lib/atomic-file.ts";
import { fromText } from "../../lib/bytes.ts";
import { SyncError } from "../../lib/errors.ts";
import type { Emit } from "../../events/types.ts";
import { onDisk } from "../store/disk.ts";
import { wholeOf } from "./body-batches.ts";
import { createOrigin } from "./origin.ts";
import type { ProxySettings } from "./proxy.ts";
import { partsOf } from "./url-parts.ts";
import { certificatesIn } from "../verify/verify.ts";

/** A CA as an origin needs it: PEM text, and where it is from, for messages. */
export interface Authority {
  readonly pem: string;
  readonly file: string;
}

/** Whose signature on an origin's certificate is believed. */
export interface Trust {
  /** The CA; null: the roots that Node brings. Fetched where it has to be. @throws SyncError */
  authority(): Promise<Authority | null>;
  /**
   * The origin presents a certificate that the CA does not cover: looks for a CA that may be believed.
   *
   * @returns whether there is another one now
   */
  renew(): Promise<boolean>;
  /** How a person accepts another certificate, for messages. */
  readonly remedy: string;
}

/** The CA of a file, or none; it changes when the configuration does. */
export function fixedTrust(authority: Authority | null): Trust {
  return {
    authority: () => Promise.resolve(authority),
    renew: () => Promise.resolve(false),
    remedy:
      authority === null
        ? "save the CA to a file, name it in artifacts.ca.file and start the program again"
        : `put the new CA into ${authority.file} and start the program again`,
  };
}

export interface FetchedTrustOptions extends ProxySettings {
  /** Where the CA is fetched from. */
  readonly url: string;
  /** SHA-256 in hex of the certificate or of the whole file; null: see `createFetchedTrust`. */
  readonly sha256: string | null;
  /** `<dataDir>/artifacts`; what was accepted is remembered there. Null: it is forgotten. */
  readonly directory: string | null;
  /** What was remembered is believed, and nothing is written. */
  readonly isReadOnly?: boolean;
  readonly emit: Emit;
  readonly timeoutMs?: number;
}

const remembered = z.strictObject({ url: z.string(), fingerprint: z.string(), pem: z.string() });
type Remembered = z.output<typeof remembered>;

const LIMIT_BYTES = 256 * 1024;

/**
 * A CA that is fetched. With an expected SHA-256, exactly what has it is believed, whoever hands it
 * over. Without one, the first CA that comes is believed and remembered, and another one only if its URL is on a host
 * that the public roots vouch for: the orchestrator's `/tink-stack/keys/Full_server.crt` comes under the
 * very certificate that it is the CA of, and proves nothing.
 */
export function createFetchedTrust(options: FetchedTrustOptions): Trust {
  const { url, sha256: expected, directory, isReadOnly = false, emit } = options;
  const file = directory === null ? null : join(directory, "ca.json");
  const described = (known: Remembered): Authority => ({ pem: known.pem, file: url });
  let current: Remembered | null = null;

  const accept = async (found: Fetched, how: "pinned" | "public" | "first-use"): Promise<void> => {
    const { pem, fingerprint } = found;
    if (file !== null && !isReadOnly) {
      await onDisk("the CA", replaceFile(file, `${JSON.stringify({ url, fingerprint, pem })}\n`));
    }
    current = { url, fingerprint, pem };
    emit({ event: "ca-trusted", url, fingerprint, how });
  };
  const recall = async (): Promise<Remembered | null> => {
    if (file === null) return null;
    const found = parseRemembered(await readFile(file, "utf8").catch(() => ""));
    if (found?.url !== url) return null;
    if (expected === null) return found;
    // A SHA-256 that was set since then is above what was believed before: of several only the one that has it is.
    const pem = expectedIn(found.pem, expected);
    const [fingerprint] = pem === null ? [] : fingerprintsIn(pem);
    return pem === null || fingerprint === undefined ? null : { url, fingerprint, pem };
  };

  return {
    authority: async () => {
      current ??= await recall();
      if (current === null) {
        const found = await fetchCa(options);
        await accept(
          found,
          expected === null ? (found.vouched ? "public" : "first-use") : "pinned",
        );
      }
      return current === null ? null : described(current);
    },
    renew: async () => {
      const found = await fetchCa(options);
      if (found.fingerprint === current?.fingerprint) return false;
      if (expected === null && !found.vouched) return false;
      await accept(found, expected === null ? "public" : "pinned");
      return true;
    },
    remedy:
      `compare the fingerprint of the CA at ${url} with the orchestrator's operator, set it as ` +
      "artifacts.ca.sha256 and start the program again",
  };
}

interface Fetched {
  readonly pem: string;
  /** Of the first certificate, as `openssl x509 -fingerprint -sha256` shows it. */
  readonly fingerprint: string;
  /** Whether the public roots vouch for whom it was fetched from. */
  readonly vouched: boolean;
}

async function fetchCa(options: FetchedTrustOptions): Promise<Fetched> {
  const { url, sha256: expected } = options;
  const { text, vouched } = await download(options);
  const pem = expected === null ? text : expectedIn(text, expected);
  if (pem === null) {
    throw new SyncError(
      `the CA at ${url} is not the one that artifacts.ca.sha256 expects (${expected}): its fingerprints are ` +
        `${fingerprintsIn(text).join(", ") || "none, for it holds no certificate"}. Compare them with the ` +
        "orchestrator's operator; if the CA was changed on purpose, set the new value.",
    );
  }
  const [fingerprint] = fingerprintsIn(pem);
  if (fingerprint === undefined) {
    throw new SyncError(
      `${url} holds no certificate in PEM form that can be read; artifacts.ca.url has to name the orchestrator's ` +
        "https://CLUSTER-DOMAIN/boots/ca.crt or its /tink-stack/keys/Full_server.crt.",
    );
  }
  return { pem, fingerprint, vouched };
}

/**
 * Fetches without asking who the other side is, and tells whether the public roots know. What comes is
 * believed only for what the caller finds in it.
 */
async function download({
  url,
  proxy,
  environment,
  timeoutMs = 15_000,
}: FetchedTrustOptions): Promise<{ readonly text: string; readonly vouched: boolean }> {
  const { folder, name } = partsOf(url);
  const origin = createOrigin({
    url: folder,
    key: "artifacts.ca.url",
    ca: null,
    acceptsAny: true,
    proxy,
    environment,
    connectTimeoutMs: timeoutMs,
    stallTimeoutMs: timeoutMs,
  });
  try {
    // However slowly it comes: a synchronisation waits for it.
    const answer = await origin.get(name, null, AbortSignal.timeout(4 * timeoutMs));
    if (answer.kind !== "body") {
      throw new SyncError(
        `${url} was answered with 404: there is no such file. Correct artifacts.ca.url: the CA is the ` +
          "orchestrator's https://CLUSTER-DOMAIN/boots/ca.crt or its /tink-stack/keys/Full_server.crt.",
      );
    }
    const bytes = await wholeOf(answer.chunks, LIMIT_BYTES);
    if (bytes === null) throw new SyncError(`${url} is too large for a CA.`);
    return {
      text: new TextDecoder().decode(bytes),
      vouched: origin.certificate()?.isTrusted === true,
    };
  } finally {
    await origin.close();
  }
}

/** The text, or the one certificate in it, that has this SHA-256 in hex; null when nothing has. */
export function expectedIn(text: string, sha256: string): string | null {
  if (createHash("sha256").update(fromText(text)).digest("hex") === sha256) return text;
  return pemsIn(text).find((pem) => plain(fingerprintOf(pem) ?? "") === sha256) ?? null;
}

/** Of each certificate in a PEM text, as `openssl x509 -fingerprint -sha256` shows it. */
export function fingerprintsIn(text: string): string[] {
  return pemsIn(text)
    .map(fingerprintOf)
    .filter((one) => one !== null);
}

function pemsIn(text: string): string[] {
  return certificatesIn(fromText(text)).filter((one) => typeof one === "string");
}

function fingerprintOf(pem: string): string | null {
  try {
    return new X509Certificate(pem).fingerprint256;
  } catch {
    return null;
  }
}

function plain(fingerprint: string): string {
  return fingerprint.replaceAll(":", "").toLowerCase();
}

function parseRemembered(text: string): Remembered | null {
  try {
    return remembered.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
