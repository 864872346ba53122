import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";
import { readText } from "../../config/load.ts";
import { ConfigError, messageOf } from "../../lib/errors.ts";
import type { Ip4 } from "../../lib/ip4.ts";

export interface TlsFiles {
  readonly certFile: string;
  readonly keyFile: string;
}

/** What a TLS port shows to its clients, read and found to fit together. */
export interface ServerCertificate {
  /** With what follows it up to its CA, as PEM text. */
  readonly cert: string;
  readonly key: string;
  /** SHA-256, as `openssl x509 -fingerprint -sha256` prints it. */
  readonly fingerprint: string;
  /** Milliseconds since the Unix epoch. */
  readonly expiresAtMs: number;
  /** Whether clients that ask this address find it in the certificate. */
  covers(address: Ip4): boolean;
}

/** @throws ConfigError that names the file and what is wrong with it */
export function readServerCertificate(
  { certFile, keyFile }: TlsFiles,
  setting: "http.tls" | "admin.tls" = "http.tls",
): ServerCertificate {
  const cert = readText(certFile, "certificate");
  const key = readText(keyFile, "private key");
  const x509 = parseCertificate(certFile, cert, setting);
  const problem = keyProblem(keyFile, key, x509, setting);
  if (problem !== null) throw new ConfigError([`${keyFile}:1:1: ${problem} (${setting}.keyFile)`]);
  try {
    createSecureContext({ cert, key });
  } catch (error) {
    const reason = `cannot be used for TLS: ${messageOf(error)}`;
    throw new ConfigError([`${certFile}:1:1: ${reason} (${setting}.certFile)`]);
  }
  return {
    cert,
    key,
    fingerprint: x509.fingerprint256,
    expiresAtMs: Date.parse(x509.validTo),
    covers: (address) => x509.checkIP(address) !== undefined,
  };
}

function parseCertificate(file: string, text: string, setting: string): X509Certificate {
  if (!text.includes("-----BEGIN CERTIFICATE-----")) {
    throw new ConfigError([
      `${file}:1:1: holds no certificate in PEM form (-----BEGIN CERTIFICATE-----); convert one with: openssl x509 -inform der -in FILE (${setting}.certFile)`,
    ]);
  }
  try {
    return new X509Certificate(text);
  } catch (error) {
    throw new ConfigError([
      `${file}:1:1: holds a certificate that cannot be read: ${messageOf(error)} (${setting}.certFile)`,
    ]);
  }
}

/** Null when it is the certificate's. */
function keyProblem(
  file: string,
  text: string,
  certificate: X509Certificate,
  setting: string,
): string | null {
  if (/^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m.test(text)) {
    return `is encrypted, and nobody is there to type the pass phrase; remove it with: openssl pkey -in ${file} -out PLAIN`;
  }
  let key: KeyObject;
  try {
    key = createPrivateKey(text);
  } catch {
    return "holds no private key in PEM form (-----BEGIN PRIVATE KEY-----)";
  }
  return certificate.checkPrivateKey(key)
    ? null
    : `is not the key of the certificate in ${setting}.certFile`;
}
