import { generate } from "selfsigned";

const YEAR_MS = 365 * 24 * 3600 * 1000;
/** Certificates begin a little earlier, for clocks that are a little late. */
const EARLIER_MS = 3600 * 1000;

/** A key with its certificate, both as PEM text. */
export interface Certificate {
  readonly key: string;
  readonly cert: string;
}

/**
 * A certificate as the orchestrator's ingress has it: self-signed, a server's and a CA at once, its
 * names in the subject's CN and as DNS names; plus `localhost` and `127.0.0.1`.
 *
 * @param validFrom milliseconds since the epoch
 */
export async function makeCertificate(
  names: readonly string[],
  validFrom: number,
): Promise<Certificate> {
  const [commonName = "localhost"] = names;
  const notBeforeDate = new Date(validFrom - EARLIER_MS);
  const { private: key, cert } = await generate([{ name: "commonName", value: commonName }], {
    keyType: "ec",
    curve: "P-256",
    algorithm: "sha256",
    notBeforeDate,
    notAfterDate: new Date(validFrom + YEAR_MS),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", digitalSignature: true, keyEncipherment: true, keyCertSign: true },
      {
        name: "subjectAltName",
        altNames: [
          ...[...new Set([...names, "localhost"])].map((value) => ({ type: 2, value }) as const),
          { type: 7, ip: "127.0.0.1" },
        ],
      },
    ],
  });
  return { key, cert };
}

/**
 * A certificate that signs programs, and is its own authority.
 *
 * @param validFrom milliseconds since the epoch
 */
export async function makeSigner(commonName: string, validFrom: number): Promise<Certificate> {
  const { private: key, cert } = await generate([{ name: "commonName", value: commonName }], {
    keyType: "rsa",
    keySize: 3072,
    algorithm: "sha256",
    notBeforeDate: new Date(validFrom - EARLIER_MS),
    notAfterDate: new Date(validFrom + 10 * YEAR_MS),
    extensions: [
      { name: "basicConstraints", cA: true, critical: true },
      { name: "keyUsage", digitalSignature: true, keyCertSign: true },
      { name: "extKeyUsage", codeSigning: true },
    ],
  });
  return { key, cert };
}
