import { X509Certificate } from "node:crypto";

// UEFI 2.10, 32.4.1. The first three fields of a GUID are in the order of the processor's bytes.
const EFI_CERT_X509_GUID = Buffer.from("a159c0a5e494a74a87b5ab155c2bf072", "hex");
const headerBytes = 28;
const guidBytes = 16;

/** Certificates in PEM form as a firmware takes them: an EFI_SIGNATURE_LIST for each. */
export function signatureLists(certificates: readonly string[]): Uint8Array {
  return Buffer.concat(certificates.map((pem) => signatureList(new X509Certificate(pem).raw)));
}

function signatureList(certificate: Uint8Array): Uint8Array {
  const header = Buffer.alloc(headerBytes);
  const signatureBytes = guidBytes + certificate.length;
  header.set(EFI_CERT_X509_GUID);
  header.writeUInt32LE(headerBytes + signatureBytes, 16);
  // No further header (20), then the size of each of the signatures, of which there is one.
  header.writeUInt32LE(signatureBytes, 24);
  const owner = Buffer.alloc(guidBytes);
  return Buffer.concat([header, owner, certificate]);
}
