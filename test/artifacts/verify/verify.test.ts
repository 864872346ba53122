import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, it } from "vitest";
import {
  limitBytesOf,
  LOADER_LIMIT_BYTES,
  verifyArtifact,
} from "../../../src/artifacts/verify/verify.ts";
import { makeCertificate } from "../../../src/lib/certificate.ts";
import { makeMicroOs, orchestratorBootScript } from "../../../src/demo/micro-os.ts";
import { type BlobSource, memoryBlob } from "../../../src/lib/blob.ts";
import { concat, fromText } from "../../../src/lib/bytes.ts";
import { SyncError } from "../../../src/lib/errors.ts";

const { kernel, initramfs } = makeMicroOs({ kernelBytes: 70_000, initramfsBytes: 600_000 });
const page = fromText("<!DOCTYPE html>\n<html><body>Please log in</body></html>");

function verify(name: string, bytes: Uint8Array): Promise<void> {
  return verifyArtifact(name, memoryBlob(bytes));
}

async function refusal(name: string, bytes: Uint8Array): Promise<string> {
  const error: unknown = await verify(name, bytes).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(SyncError);
  return String(error);
}

function changed(bytes: Uint8Array, at: number, ...values: number[]): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy.set(values, at);
  return copy;
}

function fixture(name: string): Uint8Array {
  return readFileSync(new URL(`../../fixtures/${name}`, import.meta.url));
}

describe("any file", () => {
  it.each(["boot.ipxe", "vmlinuz-x86_64", "initramfs-x86_64", "keys/db.der", "Installer"])(
    "is refused when %s is an HTML page",
    async (name) => {
      expect(await refusal(name, page)).toContain(`${name} from the orchestrator was refused`);
      expect(await refusal(name, page)).toContain("HTML page");
    },
  );

  it("is refused when it is empty", async () => {
    expect(await refusal("Installer", new Uint8Array(0))).toContain("it is empty");
  });

  it("is taken when nothing is known of its form", async () => {
    await expect(verify("Installer", Uint8Array.of(1, 2, 3))).resolves.toBeUndefined();
  });
});

describe("a kernel or a loader", () => {
  it("may be a unified kernel image by its size", () => {
    expect(limitBytesOf("signed_ipxe.efi")).toBe(LOADER_LIMIT_BYTES);
    expect(LOADER_LIMIT_BYTES).toBe(256 * 1024 * 1024);
  });

  it.each(["vmlinuz-x86_64", "signed_ipxe.efi", "kernel", "ipxe-x86_64.efi"])(
    "is taken as %s when it is a whole x86-64 EFI executable",
    async (name) => {
      await expect(verify(name, kernel)).resolves.toBeUndefined();
    },
  );

  it("is refused when it is for another machine than its name says", async () => {
    expect(await refusal("vmlinuz-arm64", kernel)).toContain("it is for x86-64");
    const arm64 = changed(kernel, 68, 0x64, 0xaa);
    expect(await refusal("vmlinuz-x86_64", arm64)).toContain("it is for arm64");
    await expect(verify("vmlinuz-aarch64", arm64)).resolves.toBeUndefined();
    expect(await refusal("signed_ipxe.efi", changed(kernel, 68, 1, 1))).toContain(
      "unknown machine",
    );
  });

  it("is refused when its headers are not there", async () => {
    expect(await refusal("vmlinuz-x86_64", fromText("MZ"))).toContain("does not begin with MZ");
    expect(await refusal("vmlinuz-x86_64", initramfs)).toContain("does not begin with MZ");
    expect(await refusal("vmlinuz-x86_64", changed(kernel, 64, 0))).toContain("no PE header");
    expect(await refusal("vmlinuz-x86_64", changed(kernel, 0x3c, 0xff, 0xff, 0xff))).toContain(
      "no PE header",
    );
  });

  it("is refused at whatever byte it was cut off", async () => {
    for (const length of [1, 63, 64, 80, 100, 400, 512, 40_000, kernel.length - 1]) {
      await refusal("vmlinuz-x86_64", kernel.subarray(0, length));
    }
    expect(await refusal("vmlinuz-x86_64", kernel.subarray(0, 40_000))).toContain(
      `its PE headers speak of ${kernel.length} bytes, and it has 40000`,
    );
  });

  it("is refused when its signature was cut off", async () => {
    const signed = changed(kernel, 64 + 24 + 144, 0x00, 0x20, 0x01, 0x00, 0x00, 0x08);
    expect(await refusal("signed_ipxe.efi", signed)).toMatch(/speak of 75776 bytes/);
    const whole = concat([signed, new Uint8Array(75776 - signed.length)]);
    await expect(verify("signed_ipxe.efi", whole)).resolves.toBeUndefined();
  });
});

describe("an initramfs packed by gzip", () => {
  it("is taken whole, padded, and as several streams", async () => {
    for (const bytes of [
      initramfs,
      concat([initramfs, new Uint8Array(300_000)]),
      concat([initramfs, gzipSync("more")]),
    ]) {
      await expect(verify("initramfs-x86_64", bytes)).resolves.toBeUndefined();
    }
  });

  it("is refused when it was cut off, changed, or something else follows", async () => {
    const { length } = initramfs;
    for (const bytes of [
      initramfs.subarray(0, 12),
      initramfs.subarray(0, length - 1),
      changed(initramfs, 300_000, (initramfs[300_000] ?? 0) ^ 1),
      changed(initramfs, length - 1, 0xff),
    ]) {
      expect(await refusal("initramfs-x86_64", bytes)).toContain("gzip stream is damaged");
    }
    await refusal("initramfs-x86_64", concat([initramfs, fromText("rest")]));
    const zeros = new Uint8Array(8);
    expect(await refusal("initramfs-x86_64", concat([initramfs, zeros, fromText("x")]))).toMatch(
      /something follows/,
    );
  });
});

describe("an initramfs packed by xz", () => {
  it.each(["one-block", "blocks", "two-streams", "padded"])("is taken: %s", async (name) => {
    await expect(verify("initramfs-x86_64", fixture(`xz/${name}.xz`))).resolves.toBeUndefined();
  });

  it.each(["one-block", "blocks", "two-streams"])(
    "is refused wherever it was cut off: %s",
    async (name) => {
      const bytes = fixture(`xz/${name}.xz`);
      const firstStream = name === "two-streams" ? fixture("xz/one-block.xz").length : -1;
      for (let length = 6; length < bytes.length; length++) {
        if (length === firstStream) continue;
        const cut = bytes.subarray(0, length);
        expect(await refusal("initramfs-x86_64", cut)).toMatch(/xz|none of/);
      }
    },
  );

  it("is refused when bytes are missing or too many in its middle", async () => {
    const bytes = fixture("xz/blocks.xz");
    const missing = concat([bytes.subarray(0, 100), bytes.subarray(140)]);
    expect(await refusal("initramfs-x86_64", missing)).toMatch(/not whole/);
    const more = concat([bytes.subarray(0, 100), new Uint8Array(40), bytes.subarray(100)]);
    expect(await refusal("initramfs-x86_64", more)).toMatch(/not one whole file/);
  });

  it("is refused when a header, the index or the footer is damaged", async () => {
    const bytes = fixture("xz/one-block.xz");
    const { length } = bytes;
    for (const at of [7, 8, length - 1, length - 8, length - 12, length - 16]) {
      const damaged = changed(bytes, at, (bytes[at] ?? 0) ^ 0x55);
      expect(await refusal("initramfs-x86_64", damaged)).toMatch(/xz/);
    }
  });
});

describe("an initramfs that is a plain cpio archive", () => {
  const plain = concat([
    record("init", fromText("#!/bin/sh\n")),
    record("data", new Uint8Array(300_001)),
    record("TRAILER!!!", new Uint8Array(0)),
  ]);

  it("is taken, alone, padded, and ahead of a packed one", async () => {
    for (const bytes of [
      plain,
      concat([plain, new Uint8Array(512)]),
      concat([plain, new Uint8Array(512), initramfs]),
      concat([plain, plain, fixture("xz/one-block.xz")]),
      concat([plain, fixture("initramfs/whole.zst")]),
    ]) {
      await expect(verify("initrd.img", bytes)).resolves.toBeUndefined();
    }
  });

  it("is refused when it was cut off, is damaged, or is followed by what is no archive", async () => {
    for (const length of [8, 109, 115, 4_000, 300_300, plain.length - 16]) {
      expect(await refusal("initramfs-x86_64", plain.subarray(0, length))).toContain("cpio");
    }
    expect(await refusal("initramfs-x86_64", changed(plain, 50, 0x78))).toContain(
      "no valid header",
    );
    expect(await refusal("initramfs-x86_64", concat([plain, fromText("rest")]))).toContain(
      "what follows is no archive",
    );
    expect(
      await refusal("initramfs-x86_64", concat([plain, initramfs.subarray(0, 500)])),
    ).toContain("gzip");
  });

  it("is refused when it is nothing of the kind", async () => {
    expect(await refusal("initramfs-x86_64", kernel)).toContain("none of xz, gzip, zstd and cpio");
  });
});

describe("boot.ipxe", () => {
  it("is taken when it can be rewritten for this site, and refused otherwise", async () => {
    const script = orchestratorBootScript("https://o.example/tink-stack");
    await expect(verify("boot.ipxe", fromText(script))).resolves.toBeUndefined();
    const other = script.replace("set download-url", "set dl");
    expect(await refusal("boot.ipxe", fromText(other))).toContain('"set download-url URL"');
    expect(await refusal("boot.ipxe", fromText(`\uFEFF${script}`))).toContain("must be #!ipxe");
    expect(await refusal("boot.ipxe", new Uint8Array(2 * 1024 * 1024))).toContain("too large");
  });

  it("is the only script that has to be rewritable", async () => {
    await expect(verify("chain.ipxe", fromText("#!ipxe\nshell\n"))).resolves.toBeUndefined();
    expect(await refusal("chain.ipxe", fromText("echo"))).toContain("not #!ipxe");
  });
});

describe("keys", () => {
  let pem = "";
  beforeAll(async () => {
    pem = (await makeCertificate(["orchestrator.example"], Date.now())).cert;
  });

  it("are taken as PEM, as several in one PEM file, and as DER", async () => {
    const der = Buffer.from(pem.replaceAll(/-----[^-]+-----|\s/g, ""), "base64");
    await expect(verify("keys/Full_server.crt", fromText(pem))).resolves.toBeUndefined();
    await expect(verify("keys/Full_server.crt", fromText(pem + pem))).resolves.toBeUndefined();
    await expect(verify("keys/db.der", der)).resolves.toBeUndefined();
    expect(await refusal("keys/db.der", der.subarray(0, 100))).toContain("no X.509 certificate");
  });

  it("are refused when one of them is no certificate", async () => {
    const broken = pem.replace(/\n[A-Za-z0-9+/]{20}/, "\nAAAAAAAAAAAAAAAAAAAA");
    expect(await refusal("keys/Full_server.crt", fromText(pem + broken))).toContain("no X.509");
    expect(await refusal("keys/Full_server.crt", fromText("hello"))).toContain("no X.509");
  });
});

describe("a blob that is read in pieces", () => {
  it("is never asked for more than a megabyte at once, however large the file", async () => {
    const lengths: number[] = [];
    const large = concat([initramfs, new Uint8Array(3_000_000)]);
    const watched: BlobSource = {
      size: large.length,
      read: (offset, length) => {
        lengths.push(length);
        return Promise.resolve(large.subarray(offset, offset + length));
      },
      close: () => Promise.resolve(),
    };
    await verifyArtifact("initramfs-x86_64", watched);
    expect(Math.max(...lengths)).toBeLessThanOrEqual(1024 * 1024);
  });
});

/** One entry of a newc archive. */
function record(name: string, content: Uint8Array): Uint8Array {
  const fields = [1, 0o100644, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
  const header = fromText(
    `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}${name}\0`,
  );
  const pad = (length: number) => new Uint8Array((4 - (length % 4)) % 4);
  return concat([header, pad(header.length), content, pad(content.length)]);
}
