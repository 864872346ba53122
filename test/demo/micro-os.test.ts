import { gunzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { verifyArtifact } from "../../src/artifacts/verify/verify.ts";
import { rewriteOrchestratorScript } from "../../src/boot/script/orchestrator-script.ts";
import { makeMicroOs, orchestratorBootScript } from "../../src/demo/micro-os.ts";
import { memoryBlob } from "../../src/lib/blob.ts";
import { equalBytes, toText } from "../../src/lib/bytes.ts";

describe("the generated Micro-OS", () => {
  it("has the sizes asked for and passes every check of the mirror", async () => {
    const { kernel, initramfs } = makeMicroOs({
      kernelBytes: 12_345_678,
      initramfsBytes: 30_000_000,
    });
    expect(kernel.length).toBe(12_345_856);
    expect(Math.abs(initramfs.length - 30_000_000)).toBeLessThan(30_000);
    await expect(verifyArtifact("vmlinuz-x86_64", memoryBlob(kernel))).resolves.toBeUndefined();
    await expect(
      verifyArtifact("initramfs-x86_64", memoryBlob(initramfs)),
    ).resolves.toBeUndefined();
    expect(toText(gunzipSync(initramfs).subarray(0, 6))).toBe("070701");
  });

  it("is the same for the same seed, and another for another", () => {
    const make = (seed: string) => makeMicroOs({ kernelBytes: 4096, initramfsBytes: 8192, seed });
    expect(equalBytes(make("a").kernel, make("a").kernel)).toBe(true);
    expect(equalBytes(make("a").initramfs, make("a").initramfs)).toBe(true);
    expect(equalBytes(make("a").kernel, make("b").kernel)).toBe(false);
    expect(equalBytes(make("a").initramfs, make("b").initramfs)).toBe(false);
  });
});

describe("the generated boot.ipxe", () => {
  it("is one that can be rewritten, with the orchestrator's kernel arguments", () => {
    const script = orchestratorBootScript("https://localhost:9443/tink-stack");
    const rewritten = rewriteOrchestratorScript(script, {
      downloadUrl: "http://127.0.0.1:8080/artifacts",
      eventsUrl: null,
      kernelArgs: ["x=1"],
    });
    expect(rewritten).toContain("\nset download-url http://127.0.0.1:8080/artifacts\n");
    expect(rewritten).toMatch(/ worker_id=\$\{bootdevmac\} IP=\$\{bootdevip\} /);
    expect(rewritten).toMatch(/ DEBUG=false TIMEOUT=120s /);
    expect(rewritten).toMatch(/s_netconf_end=\$\{network_scan_end\} x=1\n/);
  });
});
