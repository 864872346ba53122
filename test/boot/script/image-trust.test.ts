import { readFileSync } from "node:fs";
import { describe, expect, it, test } from "vitest";
import { type ImageTrust, imageTrustOf } from "../../../src/boot/script/image-trust.ts";
import { rewriteOrchestratorScript } from "../../../src/boot/script/orchestrator-script.ts";
import { SyncError } from "../../../src/lib/errors.ts";

const original = readFileSync(
  new URL("../../fixtures/orchestrator/boot.ipxe", import.meta.url),
  "utf8",
);

function rewrite(text: string, trust: ImageTrust): readonly string[] {
  const downloadUrl = "http://192.168.77.1:8080/artifacts";
  const eventsUrl = "http://192.168.77.1:8080/events";
  const how = { downloadUrl, eventsUrl, kernelArgs: [], trust };
  return rewriteOrchestratorScript(text, how).split("\n");
}

/** A script that fetches by these lines, and boots. */
const script = (...lines: readonly string[]) =>
  ["#!ipxe", "set download-url https://o.example", ...lines, "boot", ""].join("\n");

/** What the script has checked: `IMAGE SIGNATURE`. */
const checked = (lines: readonly string[]) =>
  lines.flatMap((line) => /^imgverify (.*) \|\| goto eim-untrusted$/.exec(line)?.[1] ?? []);

describe("the orchestrator's script with signatures", () => {
  it("is as ever where nobody signed anything", () => {
    expect(rewrite(original, "none").join("\n")).not.toMatch(/imgverify|imgtrust/);
  });

  it.each(["where-possible", "required"] as const)(
    "has kernel and initramfs checked right before it starts them (%s)",
    (trust) => {
      const lines = rewrite(original, trust);
      expect(checked(lines)).toEqual([
        "vmlinuz-${arch} ${download-url}/vmlinuz-${arch}.sig",
        "initramfs-${arch} ${download-url}/initramfs-${arch}.sig",
      ]);
      const trusts = lines.indexOf("imgtrust --permanent && goto eim-check ||");
      const done = lines.indexOf(":eim-checked");
      const boots = lines.indexOf("boot");
      expect(trusts).toBeLessThan(done);
      expect(lines.slice(done + 1, boots).every((line) => line.includes("eim-beacon"))).toBe(true);
      // A file that is not believed ends in the block that tries again and restarts, never at `boot`.
      const refused = lines.slice(lines.indexOf(":eim-untrusted"), done);
      expect(refused.at(-1)).toBe("goto eim-failed");
      expect(refused.join("\n")).toContain("stage=signature-refused&");
      expect(refused.join("\n")).toContain("message=${eim-image:uristring}&");
      expect(refused[1]).toBe("set eim-errno ${errno:hexraw} ||");
    },
  );

  it("lets iPXE without the command go on and say so, or not go on", () => {
    const lack = (trust: ImageTrust) => {
      const lines = rewrite(original, trust);
      const from = lines.indexOf("imgtrust --permanent && goto eim-check ||");
      return lines.slice(from + 1, lines.indexOf(":eim-check"));
    };
    expect(lack("where-possible").at(-1)).toBe("goto eim-checked");
    expect(lack("where-possible").join("\n")).toContain("stage=not-verified&");
    expect(lack("required").at(-1)).toBe("goto eim-failed");
    expect(lack("required").join("\n")).toContain("stage=cannot-verify&");
  });

  test.each([
    ["kernel ${download-url}/a x=1", "a ${download-url}/a.sig"],
    ["kernel --name k ${download-url}/dir/a", "k ${download-url}/dir/a.sig"],
    ["initrd -n k --timeout 3000 ${download-url}/a", "k ${download-url}/a.sig"],
    ["module --name=k --timeout=-1 -a ${download-url}/a", "k ${download-url}/a.sig"],
    ["imgfetch ${download-url}/${net0/mac}-a", "${net0/mac}-a ${download-url}/${net0/mac}-a.sig"],
    ["imgfetch ${download-url}/a || imgfetch ${download-url}/a", "a ${download-url}/a.sig"],
  ])("knows the image of: %s", (line, wanted) => {
    expect(checked(rewrite(script(line), "required"))).toEqual([wanted]);
  });

  test.each([
    ["a file of somewhere else", script("kernel http://elsewhere.example/a"), /from elsewhere/],
    ["a file without a name", script("kernel"), /names no file/],
    ["another script", script("kernel ${download-url}/a", "chain http://x/y"), /by chain/],
    ["nothing", script("echo"), /fetches nothing/],
    [
      "a boot within a line",
      script("kernel ${download-url}/a && boot"),
      /not exactly one command boot/,
    ],
  ])("is refused where all that it starts cannot be checked: %s", (_, text, why) => {
    expect(() => rewrite(text, "required")).toThrow(SyncError);
    expect(() => rewrite(text, "where-possible")).toThrow(why);
    expect(rewrite(text, "none").length).toBeGreaterThan(0);
  });
});

test("what is configured, and whether anything is signed, decide together", () => {
  expect([true, false].map((isSigned) => imageTrustOf("auto", isSigned))).toEqual([
    "where-possible",
    "none",
  ]);
  expect([true, false].map((isSigned) => imageTrustOf("off", isSigned))).toEqual(["none", "none"]);
  expect(imageTrustOf("required", false)).toBe("required");
});
