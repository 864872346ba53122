import { X509Certificate } from "node:crypto";
import { rewriteOrchestratorScript } from "../../boot/script/orchestrator-script.ts";
import type { BlobSource } from "../../lib/blob.ts";
import { printable, toText } from "../../lib/bytes.ts";
import { messageOf, SyncError } from "../../lib/errors.ts";
import { gzipProblem, initramfsProblem } from "./initramfs.ts";
import { signatureProblem } from "./authenticode.ts";
import { executableProblem } from "./pe-image.ts";

/** Scripts and certificates are read whole; none of them is anywhere near this long. */
const TEXT_LIMIT_BYTES = 1024 * 1024;

const AMD64 = 0x8664;
const ARM64 = 0xaa64;

/** By far more than any such file has; a mistake at the origin, or malice, must not fill the disk. */
const LIMIT_BYTES = 4 * 1024 ** 3;
/** Unified kernel images, with an initramfs inside, have 100 MiB; nothing larger is loaded by firmware. */
export const LOADER_LIMIT_BYTES = 256 * 1024 * 1024;

type Check = (blob: BlobSource, name: string) => string | null | Promise<string | null>;

/** How a file is checked, by its name; the first row that matches counts. */
const checks: readonly { readonly names: RegExp; readonly check: Check }[] = [
  { names: /(^|\/)boot\.ipxe$/, check: bootScriptProblem },
  { names: /\.ipxe$/, check: scriptProblem },
  { names: /\.efi$/i, check: (blob, name) => executableProblem(blob, machineInName(name)) },
  {
    names: /(^|\/)(vmlinuz|bzimage|kernel)[^/]*$/i,
    check: (blob, name) => executableProblem(blob, machineInName(name)),
  },
  { names: /(^|\/)(initramfs|initrd)[^/]*$/i, check: (blob) => initramfsProblem(blob) },
  { names: /\.(crt|cer|pem|der)$/i, check: certificateProblem },
  { names: /\.(gz|tgz)$/i, check: (blob) => gzipProblem(blob) },
];

/**
 * Checks that a file from the orchestrator is whole and what its name says.
 *
 * @throws SyncError that says what is wrong with it
 */
export async function verifyArtifact(name: string, blob: BlobSource): Promise<void> {
  const problem = await problemOf(name, blob);
  if (problem !== null) {
    throw new SyncError(
      `${printable(name)} from the orchestrator was refused: ${problem}. While the orchestrator rebuilds its ` +
        "files (5 to 15 minutes after a restart) this mends itself; if it stays, compare with what the " +
        "origin serves.",
    );
  }
}

/** The most bytes that a file of this name is taken with. */
export function limitBytesOf(name: string): number {
  if (/\.(ipxe|crt|cer|pem|der)$/i.test(name)) return TEXT_LIMIT_BYTES;
  return /\.efi$/i.test(name) ? LOADER_LIMIT_BYTES : LIMIT_BYTES;
}

/** The certificate that the orchestrator signs kernel and loader with for Secure Boot. */
const SIGNING_CERTIFICATE = "keys/db.der";

/** Names of what the orchestrator signs; the initramfs is not covered by Secure Boot. */
const signedNames = /(^vmlinuz|\.efi$)/;

/**
 * Checks what holds between the files of a set: where the certificate for Secure Boot is among them,
 * kernel and loader have to be signed with it.
 *
 * @throws SyncError that says what is wrong
 */
export async function verifySet(
  names: readonly string[],
  open: (name: string) => Promise<BlobSource>,
): Promise<void> {
  if (!names.includes(SIGNING_CERTIFICATE)) return;
  const der = await open(SIGNING_CERTIFICATE);
  const certificate = await der.read(0, der.size);
  await der.close();
  for (const name of names.filter((one) => signedNames.test(one))) {
    const blob = await open(name);
    try {
      const problem = await signatureProblem(blob, certificate);
      if (problem === null) continue;
      throw new SyncError(
        `${name} from the orchestrator was refused beside ${SIGNING_CERTIFICATE}: ${problem}. After each ` +
          "start the orchestrator makes new keys and signs anew (5 to 15 minutes); if it stays, leave " +
          `${SIGNING_CERTIFICATE} out of artifacts.files and ask the orchestrator's operator.`,
      );
    } finally {
      await blob.close();
    }
  }
}

async function problemOf(name: string, blob: BlobSource): Promise<string | null> {
  if (blob.size === 0) return "it is empty";
  if (looksLikeHtml(await blob.read(0, 512))) {
    return "it is an HTML page, as a proxy, a login page or a wrong address gives";
  }
  for (const { names, check } of checks) {
    if (names.test(name)) return check(blob, name);
  }
  return null;
}

function looksLikeHtml(start: Uint8Array): boolean {
  return /^(\xef\xbb\xbf)?\s*<(!doctype|html|head|body|\?xml)/i.test(toText(start));
}

function machineInName(name: string): number | null {
  if (/x86[_-]64|amd64|x64/i.test(name)) return AMD64;
  if (/arm64|aarch64/i.test(name)) return ARM64;
  return null;
}

async function scriptProblem(blob: BlobSource): Promise<string | null> {
  const start = toText(await blob.read(0, 16));
  return /^#!ipxe\s/.test(start)
    ? null
    : `its first line is not #!ipxe but begins with "${printable(start)}"`;
}

async function bootScriptProblem(blob: BlobSource): Promise<string | null> {
  if (blob.size > TEXT_LIMIT_BYTES) return `it is too large for a script (${blob.size} bytes)`;
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(await blob.read(0, blob.size));
  try {
    rewriteOrchestratorScript(text, { downloadUrl: "http://x", eventsUrl: null, kernelArgs: [] });
    return null;
  } catch (error) {
    return messageOf(error).replace(/\.$/, "");
  }
}

async function certificateProblem(blob: BlobSource): Promise<string | null> {
  if (blob.size > TEXT_LIMIT_BYTES) return `it is too large for a certificate (${blob.size} bytes)`;
  const bytes = await blob.read(0, blob.size);
  try {
    for (const certificate of certificatesIn(bytes)) void new X509Certificate(certificate).subject;
    return null;
  } catch (error) {
    return `it is no X.509 certificate (${messageOf(error)})`;
  }
}

/** Each certificate of a PEM file, or the one of a DER file. */
export function certificatesIn(bytes: Uint8Array): (string | Uint8Array)[] {
  const blocks = toText(bytes).match(/-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g);
  return blocks ?? [bytes];
}
