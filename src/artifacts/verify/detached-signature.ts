import {
  type BaseBlock,
  Constructed,
  fromBER,
  Integer,
  Null,
  ObjectIdentifier,
  OctetString,
  Sequence,
  Set as SetOf,
} from "asn1js";
import { InternalError } from "../../lib/errors.ts";

/*
 * Signatures beside files, as iPXE's `imgverify` reads them: CMS SignedData (RFC 5652 5) without the content and without signed
 * attributes, as `openssl cms -sign -binary -noattr -outform DER` makes them.
 */

const oid = {
  data: "1.2.840.113549.1.7.1",
  signedData: "1.2.840.113549.1.7.2",
  sha256: "2.16.840.1.101.3.4.2.1",
  rsa: "1.2.840.113549.1.1.1",
} as const;

/**
 * @param certificates in DER: the signer's, and those that lead from it to what iPXE trusts
 * @param signature RSA (PKCS #1 1.5) of the content's SHA-256
 */
export function detachedSignature(
  certificates: readonly [signer: Uint8Array, ...others: readonly Uint8Array[]],
  signature: Uint8Array,
): Uint8Array {
  const blocks = certificates.map(parsed);
  const { issuer, serial } = namesOf(blocks[0]);
  const signer = sequence(
    new Integer({ value: 1 }),
    sequence(issuer, serial),
    algorithm(oid.sha256),
    algorithm(oid.rsa),
    new OctetString({ valueHex: Uint8Array.from(signature).buffer }),
  );
  const signed = sequence(
    new Integer({ value: 1 }),
    new SetOf({ value: [algorithm(oid.sha256)] }),
    sequence(new ObjectIdentifier({ value: oid.data })),
    tagged(blocks),
    new SetOf({ value: [signer] }),
  );
  const whole = sequence(new ObjectIdentifier({ value: oid.signedData }), tagged([signed]));
  return new Uint8Array(whole.toBER(false));
}

/** RFC 5280 4.1: the first field of a certificate's body is its version, with a tag of its own, or is left out. */
function namesOf(certificate: BaseBlock | undefined): {
  readonly issuer: BaseBlock;
  readonly serial: BaseBlock;
} {
  const [body] = partsOf(certificate);
  const [first, ...others] = partsOf(body);
  const [serial, , issuer] = first instanceof Integer ? [first, ...others] : others;
  if (serial === undefined || issuer === undefined) {
    throw new InternalError("a certificate that was read before has no issuer");
  }
  return { issuer, serial };
}

function parsed(der: Uint8Array): BaseBlock {
  const { result, offset } = fromBER(der);
  if (offset === -1) throw new InternalError(`a certificate that was read before: ${result.error}`);
  return result;
}

function partsOf(block: BaseBlock | undefined): readonly BaseBlock[] {
  return block instanceof Constructed ? block.valueBlock.value : [];
}

function sequence(...value: BaseBlock[]): Sequence {
  return new Sequence({ value });
}

function tagged(value: BaseBlock[]): Constructed {
  return new Constructed({ idBlock: { tagClass: 3, tagNumber: 0 }, value });
}

function algorithm(value: string): Sequence {
  return sequence(new ObjectIdentifier({ value }), new Null());
}
