import { describe, expect, it } from "vitest";
import { type Provisions, readinessRules } from "../../../src/daemon/content/readiness-rules.ts";
import { judgeAll } from "../../../src/lib/finding.ts";

const whole: Provisions = {
  unsigned: null,
  lacksMicroOs: false,
  lacksLoader: false,
  passedOver: null,
  origin: "https://o.example",
  onlyLoader: null,
  usedUpConnections: null,
  loaderDirs: ["/usr/lib/ipxe", "/boot"],
};

describe("why no machine could boot", () => {
  it("has nothing to say where Micro-OS and loader are there, whatever else is set", () => {
    expect(judgeAll(readinessRules, whole)).toEqual([]);
    expect(judgeAll(readinessRules, { ...whole, origin: null, onlyLoader: "x.efi" })).toEqual([]);
  });

  it.each<[string, Partial<Provisions>, RegExp]>([
    ["no-micro-os", { lacksMicroOs: true, origin: null }, /artifacts\.origin is not set/],
    ["no-micro-os-yet", { lacksMicroOs: true }, /with https:\/\/o\.example has not succeeded/],
    [
      "no-signed-loader",
      { lacksLoader: true, onlyLoader: "signed_ipxe.efi", origin: null },
      /signed_ipxe\.efi was not found in \/usr\/lib\/ipxe, \/boot/,
    ],
    [
      "no-signed-loader-yet",
      { lacksLoader: true, onlyLoader: "signed_ipxe.efi" },
      /signed_ipxe\.efi is not here yet/,
    ],
    ["no-loader", { lacksLoader: true }, /was found in \/usr\/lib\/ipxe, \/boot/],
    ["no-connections", { usedUpConnections: 68 }, /all 68 HTTP connections are in use/],
  ])("%s", (code, lacks, cause) => {
    expect(judgeAll(readinessRules, { ...whole, ...lacks })).toEqual([
      expect.objectContaining({ code, cause: expect.stringMatching(cause), who: "site" }),
    ]);
  });

  it("field fault 30: says which loader is there and not served, and why", () => {
    const passedOver = { path: "/boot/ipxe.efi", why: "it is a symbolic link to /x, out of it" };
    const found = judgeAll(readinessRules, { ...whole, lacksLoader: true, passedOver });
    expect(found[0]).toMatchObject({
      code: "loader-passed-over",
      cause: `/boot/ipxe.efi is there and is not served: ${passedOver.why}`,
    });
    expect(judgeAll(readinessRules, { ...whole, passedOver })).toEqual([]);
  });

  it("names everything that is missing", () => {
    const found = judgeAll(readinessRules, { ...whole, lacksMicroOs: true, lacksLoader: true });
    expect(found.map(({ code }) => code)).toEqual(["no-micro-os-yet", "no-loader"]);
  });
});
