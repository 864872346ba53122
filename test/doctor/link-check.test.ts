import { describe, expect, it } from "vitest";
import { firmwareLine, linkVerdict, type PlayedFirmware } from "../../src/doctor/link-check.ts";
import type { Finding } from "../../src/lib/finding.ts";
import type { Firmware } from "../../src/pxe-client/wire/dhcp-requests.ts";

const finding = (code: string): Finding => ({
  code,
  cause: `the cause of ${code}`,
  remedy: "a remedy",
  who: "site",
});

function played(firmware: Firmware, code: string | null): PlayedFirmware {
  const failure = code === null ? null : finding(code);
  return { firmware, result: { wouldBoot: code === null, steps: [], servers: [], failure } };
}

const verdict = (...all: readonly PlayedFirmware[]) =>
  linkVerdict({
    interface: "eth1",
    address: "10.9.1.1",
    subnet: { network: "10.9.1.0", prefixLength: 24 },
    played: all,
    others: [],
    unheard: null,
    listenedMs: 1000,
  });

describe("what is said of a link at the end", () => {
  const http = played("uefi-http", "no-boot-information");

  it("is no failure where firmware set to HTTP boot goes on to PXE, as its line says", () => {
    const all = [played("bios", null), played("uefi", null), http, played("ipxe", null)];
    expect(verdict(...all)).toEqual({
      sentence: expect.stringMatching(
        /^Machines of every kind would boot on eth1.*HTTP boot by PXE/,
      ),
      setting: null,
    });
    expect(firmwareLine(http, true).status).toBe("warn");
  });

  it("names the failure of the others, and not that of HTTP boot", () => {
    const { sentence } = verdict(played("bios", "file-missing"), played("uefi", null), http);
    expect(sentence).toContain("not BIOS firmware) would boot: the cause of file-missing");
    expect(sentence).not.toContain("HTTP");
  });

  it("names HTTP boot, too, where UEFI firmware does not boot by PXE", () => {
    const { sentence } = verdict(played("uefi", "file-missing"), http, played("ipxe", null));
    expect(sentence).toContain("UEFI firmware set to HTTP boot");
    expect(firmwareLine(http, false).status).toBe("fail");
  });
});
