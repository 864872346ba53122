import { createHash, verify, X509Certificate } from "node:crypto";
import {
  type BaseBlock,
  Constructed,
  fromBER,
  Integer,
  ObjectIdentifier,
  OctetString,
} from "asn1js";
import type { BlobSource } from "../../lib/blob.ts";
import { equalBytes, printable, toHex } from "../../lib/bytes.ts";
import { messageOf } from "../../lib/errors.ts";
import { type ExecutableLayout, layoutOf } from "./pe-image.ts";

/*
 * Authenticode, as UEFI Secure Boot checks it (Microsoft "Windows Authenticode Portable Executable
 * Signature Format" 1.0; UEFI 2.10, 32.2.2): a PKCS #7 structure in the executable's certificate table
 * signs the SHA-256 of all bytes but those that signing itself changes.
 */

const READ_BYTES = 1024 * 1024;
/** Of a certificate table; a signature with all its certificates has some 10 KiB. */
const MOST_TABLE_BYTES = 1024 * 1024;
/** Signatures that are looked at; loaders have one or two. */
const MOST_SIGNATURES = 16;
const WIN_CERT_TYPE_PKCS_SIGNED_DATA = 2;
const SIGNED_DATA = "1.2.840.113549.1.7.2";
const MESSAGE_DIGEST = "1.2.840.113549.1.9.4";
/** Digests by OID; SHA-1 is not believed. */
const digests: ReadonlyMap<string, string> = new Map([
  ["2.16.840.1.101.3.4.2.1", "sha256"],
  ["2.16.840.1.101.3.4.2.2", "sha384"],
  ["2.16.840.1.101.3.4.2.3", "sha512"],
]);

/**
 * What is wrong with the signature of an EFI executable, or null: it has to be signed by the key of this
 * certificate, or by one whose certificate that key signed, and to be what was signed.
 */
export async function signatureProblem(
  blob: BlobSource,
  certificate: Uint8Array,
): Promise<string | null> {
  const layout = await layoutOf(blob);
  if (typeof layout === "string") return layout;
  if (layout.certificates === null) return "it is not signed";
  const { at, bytes } = layout.certificates;
  if (bytes > MOST_TABLE_BYTES) return `its certificate table has ${bytes} bytes`;
  const covered = layout.sections.reduce((sum, section) => sum + section.bytes, 0);
  if (covered > blob.size) return "its sections overlap";
  const table = await blob.read(at, bytes);
  const digestBy = imageDigests(blob, layout);
  let problem = "its certificate table holds no PKCS #7 signature";
  for (const signature of signaturesIn(table)) {
    try {
      const found = await problemOfOne(digestBy, signature, new X509Certificate(certificate));
      if (found === null) return null;
      problem = found;
    } catch (error) {
      problem = `its signature cannot be read (${messageOf(error)})`;
    }
  }
  return problem;
}

/**
 * The authorities whose keys a firmware needs in its list (db) to start this executable: of each signature the one that issued the
 * signer's certificate, such as `Microsoft UEFI CA 2023`. Empty where it is not signed or no signature can be read.
 */
export async function authoritiesOf(blob: BlobSource): Promise<readonly string[]> {
  const layout = await layoutOf(blob);
  if (typeof layout === "string" || layout.certificates === null) return [];
  const { at, bytes } = layout.certificates;
  if (bytes > MOST_TABLE_BYTES) return [];
  const names = signaturesIn(await blob.read(at, bytes)).flatMap((signature) => {
    try {
      return authorityOf(signature) ?? [];
    } catch {
      return [];
    }
  });
  return [...new Set(names)];
}

function authorityOf(pkcs7: Uint8Array): string | null {
  const [, wrapped] = partsOf(parse(pkcs7));
  const signed = partsOf(partsOf(wrapped)[0]);
  // RFC 2315 9.2: SignerInfo names its certificate by issuer and serial number.
  const [signer] = partsOf(signed.at(-1));
  const serial = partsOf(partsOf(signer)[1])[1];
  const number = serial instanceof Integer ? plainHex(toHex(serial.valueBlock.valueHexView)) : null;
  const own = certificatesIn(signed).find(
    ({ serialNumber }) => plainHex(serialNumber.toLowerCase()) === number,
  );
  if (own === undefined) return null;
  const name = /^CN=(.*)$/m.exec(own.issuer)?.[1] ?? own.issuer.split("\n").at(-1) ?? "";
  return printable(name, 128);
}

function plainHex(digits: string): string {
  return digits.replace(/^0+/, "");
}

/** PE certificate table: entries of length, revision, type and content, each at a multiple of eight. */
function signaturesIn(table: Uint8Array): Uint8Array[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const found: Uint8Array[] = [];
  for (let at = 0; at + 8 <= table.length && found.length < MOST_SIGNATURES;) {
    const length = view.getUint32(at, true);
    if (length < 8 || at + length > table.length) break;
    if (view.getUint16(at + 6, true) === WIN_CERT_TYPE_PKCS_SIGNED_DATA) {
      found.push(table.subarray(at + 8, at + length));
    }
    at += Math.ceil(length / 8) * 8;
  }
  return found;
}

async function problemOfOne(
  digestBy: DigestBy,
  pkcs7: Uint8Array,
  trusted: X509Certificate,
): Promise<string | null> {
  // RFC 2315 7 and 9.1: ContentInfo, SignedData, SignerInfo.
  const [type, wrapped] = partsOf(parse(pkcs7));
  if (oidOf(type) !== SIGNED_DATA) return "its signature is no PKCS #7 signed data";
  const signed = partsOf(partsOf(wrapped)[0]);
  const content = partsOf(signed[2]);
  const indirect = partsOf(content[1])[0];
  const [digestAlgorithm, digest] = partsOf(partsOf(indirect)[1]);
  const hash = digests.get(oidOf(partsOf(digestAlgorithm)[0]));
  if (hash === undefined) return "its signature is by a digest that is not believed any more";
  const actual = await digestBy(hash);
  if (!equalBytes(octetsOf(digest), actual)) {
    return "it is not what was signed: it was changed, or is not whole";
  }
  const signers = signed.at(-1);
  for (const signer of partsOf(signers)) {
    if (isSignedBy(partsOf(signer), indirect, [trusted, ...issuedBy(signed, trusted)])) return null;
  }
  return "it is signed by another key than that of keys/db.der";
}

/** Certificates in the structure that the trusted one signed. */
function issuedBy(signed: readonly BaseBlock[], trusted: X509Certificate): X509Certificate[] {
  return certificatesIn(signed).filter(
    (one) => one.checkIssued(trusted) && one.verify(trusted.publicKey),
  );
}

function certificatesIn(signed: readonly BaseBlock[]): X509Certificate[] {
  // [0] IMPLICIT: the certificates.
  const field = signed
    .slice(3)
    .find(({ idBlock }) => idBlock.tagClass === 3 && idBlock.tagNumber === 0);
  return partsOf(field).map((block) => new X509Certificate(rawOf(block)));
}

function isSignedBy(
  signer: readonly BaseBlock[],
  indirect: BaseBlock | undefined,
  keys: readonly X509Certificate[],
): boolean {
  const hash = digests.get(oidOf(partsOf(signer[2])[0]));
  const attributes = signer[3];
  const isAttributes = attributes?.idBlock.tagClass === 3 && attributes.idBlock.tagNumber === 0;
  const signature = signer[isAttributes ? 5 : 4];
  if (hash === undefined || attributes === undefined || indirect === undefined) return false;
  // DER knows no open lengths, by which it would not be clear what is signed.
  if (indirect.lenBlock.isIndefiniteForm) return false;
  // RFC 2315 9.3: the content's octets without their tag and length are what is digested.
  const content = contentOf(indirect);
  if (!isAttributes) return isValid(hash, content, keys, signature);
  const digest = createHash(hash).update(content).digest();
  const claimed = partsOf(attributes)
    .map((attribute) => partsOf(attribute))
    .find(([name]) => oidOf(name) === MESSAGE_DIGEST)?.[1];
  if (!equalBytes(octetsOf(partsOf(claimed)[0]), digest)) return false;
  // RFC 2315 9.3: signed as a SET OF, whatever its tag here.
  const asSet = Uint8Array.from(rawOf(attributes));
  asSet[0] = 0x31;
  return isValid(hash, asSet, keys, signature);
}

function isValid(
  hash: string,
  content: Uint8Array,
  keys: readonly X509Certificate[],
  signature: BaseBlock | undefined,
): boolean {
  const octets = octetsOf(signature);
  return keys.some(({ publicKey }) => verify(hash, content, publicKey, octets));
}

type DigestBy = (hash: string) => Promise<Uint8Array>;

/** Each digest is made once, however many signatures there are. */
function imageDigests(blob: BlobSource, layout: ExecutableLayout): DigestBy {
  const made = new Map<string, Promise<Uint8Array>>();
  return (hash) => {
    const digest = made.get(hash) ?? imageDigest(blob, layout, hash);
    made.set(hash, digest);
    return digest;
  };
}

/** All bytes but the checksum, the certificate table and the entry that tells where that is. */
async function imageDigest(
  blob: BlobSource,
  layout: ExecutableLayout,
  hash: string,
): Promise<Uint8Array> {
  const digest = createHash(hash);
  const add = async (from: number, to: number): Promise<void> => {
    for (let at = from; at < to; at += READ_BYTES) {
      digest.update(await blob.read(at, Math.min(READ_BYTES, to - at)));
    }
  };
  const { checksumAt, certificateEntryAt, headerBytes, sections } = layout;
  await add(0, checksumAt);
  await add(checksumAt + 4, certificateEntryAt);
  await add(certificateEntryAt + 8, headerBytes);
  let hashed = headerBytes;
  for (const { at, bytes } of sections.toSorted((a, b) => a.at - b.at)) {
    await add(at, at + bytes);
    hashed += bytes;
  }
  await add(hashed, layout.certificates?.at ?? blob.size);
  return digest.digest();
}

function parse(bytes: Uint8Array): BaseBlock {
  return fromBER(Uint8Array.from(bytes)).result;
}

function partsOf(block: BaseBlock | undefined): readonly BaseBlock[] {
  return block instanceof Constructed ? block.valueBlock.value : [];
}

function oidOf(block: BaseBlock | undefined): string {
  return block instanceof ObjectIdentifier ? block.getValue() : "";
}

function octetsOf(block: BaseBlock | undefined): Uint8Array {
  return block instanceof OctetString ? block.valueBlock.valueHexView : new Uint8Array(0);
}

function rawOf(block: BaseBlock): Uint8Array {
  return block.valueBeforeDecodeView;
}

/** Without tag and length. */
function contentOf(block: BaseBlock): Uint8Array {
  const raw = rawOf(block);
  return raw.subarray(raw.length - block.lenBlock.length);
}
