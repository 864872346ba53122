import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { authoritiesOf, signatureProblem } from "../../../src/artifacts/verify/authenticode.ts";
import type { GenerationStore } from "../../../src/artifacts/store/generation-store.ts";
import { makeMicroOs } from "../../../src/demo/micro-os.ts";
import { memoryBlob } from "../../../src/lib/blob.ts";
import { concat } from "../../../src/lib/bytes.ts";
import { mirrored, MirrorSite, release, syncFailure } from "../../support/orchestrator.ts";
import { reasonToSkip } from "../../support/tools.ts";

const missing = reasonToSkip({ tools: ["openssl", "sbsign"] });

describe.skipIf(missing !== null)("signatures for Secure Boot", () => {
  const folder = mkdtempSync(join(tmpdir(), "eim-pxe-sign-"));
  beforeAll(() => {
    for (const name of ["db", "other", "leaf"]) makeKey(name);
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true }));

  function makeKey(name: string): void {
    mkdirSync(folder, { recursive: true });
    const [key, certificate] = [join(folder, `${name}.key`), join(folder, `${name}.crt`)];
    const chain =
      name === "leaf" ? ["-CA", join(folder, "db.crt"), "-CAkey", join(folder, "db.key")] : [];
    const request = ["req", "-x509", "-newkey", "rsa:2048", "-sha512", "-nodes", "-days", "2"];
    execFileSync(
      "openssl",
      [...request, "-subj", `/CN=${name}`, ...chain, "-keyout", key, "-out", certificate],
      { stdio: "ignore" },
    );
    const der = ["-outform", "DER", "-out", join(folder, `${name}.der`)];
    execFileSync("openssl", ["x509", "-in", certificate, ...der]);
  }

  function signed(content: Uint8Array, name = "db"): Uint8Array {
    const file = join(folder, "plain");
    writeFileSync(file, content);
    const keys = ["--key", join(folder, `${name}.key`), "--cert", join(folder, `${name}.crt`)];
    execFileSync("sbsign", [...keys, "--output", join(folder, "signed"), file], {
      stdio: "ignore",
    });
    return readFileSync(join(folder, "signed"));
  }

  const der = (name = "db") => readFileSync(join(folder, `${name}.der`));
  const { kernel } = makeMicroOs({ kernelBytes: 40_000, initramfsBytes: 0 });
  const problem = (bytes: Uint8Array, certificate = der()) =>
    signatureProblem(memoryBlob(bytes), certificate);

  it("are right when they are by the key, or by one that the key vouches for", async () => {
    expect(await problem(signed(kernel))).toBeNull();
    expect(await problem(signed(kernel, "leaf"))).toBeNull();
  });

  it("name the authority that a firmware has to know: the issuer of each signer", async () => {
    const named = (bytes: Uint8Array) => authoritiesOf(memoryBlob(bytes));
    expect(await named(kernel)).toEqual([]);
    expect(await named(signed(kernel))).toEqual(["db"]);
    expect(await named(signed(kernel, "leaf"))).toEqual(["db"]);
    expect(await named(signed(signed(kernel), "other"))).toEqual(["db", "other"]);
    const damaged = Uint8Array.from(signed(kernel)).fill(0x5a, kernel.length + 16);
    expect(await named(damaged)).toEqual([]);
  });

  it("are missed, and those of another key are not taken", async () => {
    expect(await problem(kernel)).toBe("it is not signed");
    expect(await problem(signed(kernel, "other"))).toMatch(/signed by another key/);
  });

  it("do not cover what was changed", async () => {
    for (const at of [300, 20_000]) {
      const changed = Uint8Array.from(signed(kernel));
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(await problem(changed)).toMatch(/not what was signed/);
    }
  });

  it("that are damaged are no reason to fail in another way", async () => {
    const whole = signed(kernel);
    for (let at = kernel.length; at < whole.length; at += 37) {
      const changed = Uint8Array.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 0x5a;
      expect(typeof (await problem(changed))).toMatch(/string|object/);
    }
    const cut = Uint8Array.from(whole);
    cut.fill(0, kernel.length);
    expect(await problem(cut)).toMatch(/holds no PKCS #7 signature/);
  });

  /** What is wrong, and how many bytes were read to find out. */
  async function judged(
    bytes: Uint8Array,
  ): Promise<{ readonly found: string | null; read: number }> {
    const whole = memoryBlob(bytes);
    let sum = 0;
    const read = (offset: number, length: number) => {
      sum += Math.min(length, Math.max(0, bytes.length - offset));
      return whole.read(offset, length);
    };
    return { found: await signatureProblem({ ...whole, read }, der()), read: sum };
  }

  /** The executable with this in place of its certificate table, which is at the end. */
  function withTable(bytes: Uint8Array, table: Uint8Array): Uint8Array {
    const changed = concat([bytes.subarray(0, bytes.length - tableOf(bytes).length), table]);
    const view = new DataView(changed.buffer);
    const optionalAt = view.getUint32(0x3c, true) + 24;
    const isPlus = view.getUint16(optionalAt, true) === 0x20b;
    view.setUint32(optionalAt + (isPlus ? 148 : 132), table.length, true);
    return changed;
  }

  function tableOf(bytes: Uint8Array): Uint8Array {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const optionalAt = view.getUint32(0x3c, true) + 24;
    const isPlus = view.getUint16(optionalAt, true) === 0x20b;
    return bytes.subarray(view.getUint32(optionalAt + (isPlus ? 144 : 128), true));
  }

  it("cost no more to check than the file is long, however many there are", async () => {
    const other = Uint8Array.from(signed(kernel, "other"));
    const many = withTable(other, concat(Array.from({ length: 300 }, () => tableOf(other))));
    const { found, read } = await judged(many);
    expect(found).toMatch(/another key/);
    expect(read).toBeLessThan(2 * many.length);
  });

  it("are not looked for in a table that is larger than any", async () => {
    const other = Uint8Array.from(signed(kernel));
    const { found, read } = await judged(withTable(other, new Uint8Array(2 * 1024 * 1024)));
    expect(found).toBe("its certificate table has 2097152 bytes");
    expect(read).toBeLessThan(100_000);
    expect(await authoritiesOf(memoryBlob(withTable(other, new Uint8Array(2 ** 21))))).toEqual([]);
  });

  it("are not checked over the same bytes again and again", async () => {
    const changed = Uint8Array.from(signed(kernel));
    const view = new DataView(changed.buffer);
    const at = view.getUint32(0x3c, true);
    const sectionsAt = at + 24 + view.getUint16(at + 20, true);
    view.setUint16(at + 6, 2, true);
    for (const section of [sectionsAt, sectionsAt + 40]) {
      view.setUint32(section + 16, changed.length, true);
      view.setUint32(section + 20, 0, true);
    }
    expect(await judged(changed)).toMatchObject({ found: "its sections overlap" });
  });

  describe("of a set with keys/db.der", () => {
    let site: MirrorSite;
    let store: GenerationStore;
    const files = [...mirrored, "keys/db.der"];
    beforeEach(async () => {
      site = await MirrorSite.open();
      store = await site.openStore();
      site.orchestrator.replace("keys/db.der", der());
    });
    afterEach(() => site.close());

    it("are checked", async () => {
      const mirror = site.mirror(store, { files });
      expect(await syncFailure(mirror.sync())).toMatch(
        /vmlinuz-x86_64 .* was refused beside keys\/db\.der: it is not signed/,
      );
      site.orchestrator.replace("vmlinuz-x86_64", signed(kernel, "other"));
      expect(await syncFailure(mirror.sync())).toMatch(/another key/);
      expect(store.current()).toBeNull();
      site.orchestrator.replace("vmlinuz-x86_64", signed(kernel));
      expect(await mirror.sync()).toMatchObject({ changed: true });
      expect(release("1").size).toBe(mirrored.length);
    });
  });
});
