import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { signatureProblem } from "../../../src/artifacts/verify/authenticode.ts";
import { gzipProblem, initramfsProblem } from "../../../src/artifacts/verify/initramfs.ts";
import { executableProblem } from "../../../src/artifacts/verify/pe-image.ts";
import { certificatesIn } from "../../../src/artifacts/verify/verify.ts";
import { xzEnd } from "../../../src/artifacts/verify/xz.ts";
import { loaderFacts } from "../../../src/artifacts/loaders/loader-facts.ts";
import { stageImport } from "../../../src/artifacts/store/bundle.ts";
import { parseManifest } from "../../../src/artifacts/store/manifest.ts";
import { describeDatagram } from "../../../src/capture/described.ts";
import { datagramsOf } from "../../../src/capture/pcap-reader.ts";
import { makeMicroOs } from "../../../src/demo/micro-os.ts";
import { memoryBlob } from "../../../src/lib/blob.ts";
import { fromText } from "../../../src/lib/bytes.ts";
import { DecodeError, SyncError } from "../../../src/lib/errors.ts";
import { mayThrow, must, type Target } from "../target.ts";

const fixture = (path: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../fixtures/${path}`, import.meta.url)));
const input = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../inputs/${name}`, import.meta.url)));

const pe: Target = {
  name: "pe-images",
  what: "an EFI executable's headers, and what kind of loader it is",
  seeds: () => [makeMicroOs({ kernelBytes: 512, initramfsBytes: 64 }).kernel, input("signed.efi")],
  words: ["MZ", "PE\0\0", "iPXE", "HdrS", ".sbat"],
  mostBytes: 4096,
  open: () => ({
    run: async (bytes) => {
      const blob = memoryBlob(bytes);
      await executableProblem(blob, null);
      await loaderFacts(blob);
    },
  }),
};

const authenticode: Target = {
  name: "authenticode",
  what: "the Secure Boot signature of an executable",
  seeds: () => [input("signed.efi")],
  words: ["\u0030\u0082", "\u0006\u0009", "\u00a0\u0082", "\u0002\u0001"],
  mostBytes: 8192,
  open: () => {
    const certificate = input("signer.der");
    const original = input("signed.efi");
    return {
      run: async (bytes) => {
        const problem = await signatureProblem(memoryBlob(bytes), certificate);
        // The checksum, the entry of the table and what stands behind it are not signed.
        const isOther = bytes.subarray(512, 1024).some((byte, at) => byte !== original[512 + at]);
        must(problem !== null || !isOther, "what was changed is not signed");
      },
    };
  },
};

const archives: Target = {
  name: "xz-and-initramfs",
  what: "xz streams, cpio archives and their compressed members",
  seeds: () => [
    ...["one-block", "two-streams", "padded", "blocks"].map((name) => fixture(`xz/${name}.xz`)),
    ...["whole.xz", "whole.zst", "whole.bz2", "whole.lz4", "whole.lzma", "no-checksum.zst"].map(
      (name) => fixture(`initramfs/${name}`),
    ),
    makeMicroOs({ kernelBytes: 512, initramfsBytes: 300 }).initramfs,
    new Uint8Array(gzipSync("an archive")),
  ],
  words: ["\u00fd7zXZ\0", "YZ", "070701", "TRAILER!!!", "\u001f\u008b"],
  mostBytes: 4096,
  open: () => ({
    run: async (bytes) => {
      const blob = memoryBlob(bytes);
      const end = await xzEnd(blob, 0);
      must(typeof end === "string" || end <= bytes.length, "no stream ends behind the file");
      await initramfsProblem(blob);
      await gzipProblem(blob);
    },
  }),
};

const tar: Target = {
  name: "tar-bundles",
  what: "a set that is imported from a tar file, onto disk",
  seeds: () => [input("set.tar"), input("hostile.tar")],
  words: [
    "ustar\0",
    "../",
    "/etc/passwd",
    "boot.ipxe",
    "manifest.json",
    "\u0030",
    "\u0032",
    "\u0078",
  ],
  mostBytes: 12_288,
  open: () => {
    const folder = mkdtempSync(join(tmpdir(), "eim-pxe-fuzz-"));
    const [store, source] = [join(folder, "artifacts"), join(folder, "set.tar")];
    mkdirSync(store);
    return {
      run: async (bytes) => {
        writeFileSync(source, bytes);
        try {
          await stageImport(store, source, { names: ["boot.ipxe"], isRoot: false });
        } catch (error) {
          if (!(error instanceof SyncError)) throw error;
        }
        const beside = readdirSync(folder).filter(
          (name) => !["artifacts", "set.tar"].includes(name),
        );
        must(beside.length === 0, "nothing is written beside the store");
        rmSync(store, { recursive: true });
        mkdirSync(store);
      },
      close: () => rmSync(folder, { recursive: true }),
    };
  },
};

const certificates: Target = {
  name: "certificates",
  what: "PEM and DER files of certificates, and manifests",
  seeds: () => [
    fromText("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"),
    input("signer.der"),
    fromText('{"version":1,"origin":"https://o","createdAt":"2026-03-06T10:00:00Z","files":[]}'),
  ],
  words: ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----", '"sha256":', '"files":[{'],
  open: () => ({
    run: (bytes) => {
      mayThrow([SyncError], () => void certificatesIn(bytes));
      mayThrow([SyncError], () => void parseManifest(new TextDecoder().decode(bytes)));
    },
  }),
};

const captures: Target = {
  name: "captures",
  what: "a capture file that `explain --pcap` is given, packet by packet in words",
  seeds: () =>
    ["A_std43", "G2_oack_win", "O_http", "M_single"].map((name) =>
      fixture(`lab/${name}.pcap`).subarray(0, 3000),
    ),
  mostBytes: 4096,
  open: () => ({
    run: (bytes) =>
      mayThrow([DecodeError], () => {
        for (const datagram of datagramsOf(bytes)) describeDatagram(datagram);
      }),
  }),
};

export const fileTargets: readonly Target[] = [
  pe,
  authenticode,
  archives,
  tar,
  certificates,
  captures,
];
