import { generate } from "selfsigned";
import type { Certificate } from "../../src/lib/certificate.ts";

const DAY_MS = 86_400_000;

/** What a certificate of a chain has other than usual. */
export interface Kind {
  /** Default: `localhost`; all have the addresses of loopback, too. */
  readonly names?: readonly string[];
  readonly isCa?: boolean;
  /** Further addresses. */
  readonly addresses?: readonly string[];
  /** RSA, which all firmware understands, instead of ECDSA, which is made faster. */
  readonly rsa?: boolean;
  /** Milliseconds since the epoch. Default: now. */
  readonly validFrom?: number;
}

/** A certificate that `by` signed; null: that signed itself. */
export async function certify(
  commonName: string,
  by: Certificate | null,
  {
    names = ["localhost"],
    addresses = [],
    isCa = false,
    rsa = false,
    validFrom = Date.now(),
  }: Kind = {},
): Promise<Certificate> {
  const { private: key, cert } = await generate([{ name: "commonName", value: commonName }], {
    ...(rsa ? { keyType: "rsa", keySize: 2048 } : { keyType: "ec", curve: "P-256" }),
    algorithm: "sha256",
    notBeforeDate: new Date(validFrom - DAY_MS),
    notAfterDate: new Date(validFrom + 300 * DAY_MS),
    ...(by === null ? {} : { ca: by }),
    extensions: [
      { name: "basicConstraints", cA: isCa, critical: true },
      { name: "keyUsage", digitalSignature: true, keyCertSign: isCa },
      {
        name: "subjectAltName",
        altNames: [
          ...names.map((value) => ({ type: 2, value }) as const),
          { type: 7, ip: "127.0.0.1" },
          { type: 7, ip: "::1" },
          ...addresses.map((ip) => ({ type: 7, ip }) as const),
        ],
      },
    ],
  });
  return { key, cert };
}
