import { X509Certificate } from "node:crypto";
import { certificatesIn } from "../../artifacts/verify/verify.ts";
import { readText } from "../../config/load.ts";
import type { Config } from "../../config/schema.ts";
import { fromText } from "../../lib/bytes.ts";
import { ConfigError, messageOf } from "../../lib/errors.ts";
import { type SigningKey, signingKey } from "../../webhooks/signature.ts";

/** A webhook of the configuration, with what its files say. */
export interface WebhookSettings {
  /** The key of the configuration: `notify.webhooks[0]`. */
  readonly key: string;
  /** Its host, and its number where several have the same: all of it that may be shown. */
  readonly name: string;
  /** Perhaps with a secret in its path. */
  readonly url: string;
  readonly events: ReadonlySet<string>;
  /** Null: nothing is signed. */
  readonly signingKey: SigningKey | null;
  /** The only trust for its certificate, as PEM text; null: the public CAs. */
  readonly ca: string | null;
}

/** A key that is shorter can be guessed. */
const LEAST_KEY_BYTES = 16;

/** @throws ConfigError when a file cannot be read, or holds nothing that can be used */
export function readWebhooks({ notify: { webhooks } }: Config): readonly WebhookSettings[] {
  return webhooks.map(({ url, events, secretFile, caFile }, at) => {
    const { host } = new URL(url);
    const before = webhooks.slice(0, at).filter((other) => new URL(other.url).host === host);
    return {
      key: `notify.webhooks[${at}]`,
      name: before.length === 0 ? host : `${host} (${before.length + 1})`,
      url,
      events: new Set(events),
      signingKey: secretFile === null ? null : readKey(secretFile),
      ca: caFile === null ? null : readCaFile(caFile),
    };
  });
}

function readKey(file: string): SigningKey {
  const key = signingKey(readText(file, "webhook's secret"));
  if (key.length >= LEAST_KEY_BYTES) return key;
  throw new ConfigError([
    `${file}:1:1: the secret must have at least ${LEAST_KEY_BYTES} characters; make one with: openssl rand -hex 32`,
  ]);
}

/**
 * The certificates of a PEM file.
 *
 * @throws ConfigError when it cannot be read, or has none
 */
export function readCaFile(file: string): string {
  const text = readText(file, "CA");
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new ConfigError([
      `${file}:1:1: holds no certificate in PEM form (-----BEGIN CERTIFICATE-----)`,
    ]);
  }
  try {
    for (const one of certificatesIn(fromText(text))) void new X509Certificate(one).subject;
    return text;
  } catch (error) {
    throw new ConfigError([
      `${file}:1:1: holds a certificate that cannot be read: ${messageOf(error)}`,
    ]);
  }
}
