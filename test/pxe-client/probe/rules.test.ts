import { describe, expect, it } from "vitest";
import { localBootScript } from "../../../src/boot/script/local-boot.ts";
import { followScripts } from "../../../src/pxe-client/probe/scripts.ts";
import type { Nothing } from "../../../src/pxe-client/probe/boot-choice.ts";
import type { BootSource } from "../../../src/pxe-client/wire/boot-source.ts";
import { diagnoseDownload } from "../../../src/pxe-client/probe/download-rules.ts";
import { type Fault } from "../../../src/pxe-client/wire/failure.ts";
import { resolveSource } from "../../../src/pxe-client/wire/fetch.ts";
import { readChain, readDownloads } from "../../../src/pxe-client/probe/ipxe-interpreter.ts";
import { type Circumstances, diagnoseProbe } from "../../../src/pxe-client/probe/rules.ts";
import { syntheticUuid } from "../../../src/boot/synthetic-uuid.ts";
import { syntheticMac } from "../../../src/pxe-client/wire/synthetic-identity.ts";
import { autoexecScript } from "../../../src/boot/script/autoexec.ts";
import { orchestratorBootScript } from "../../../src/demo/micro-os.ts";
import { chainScript } from "../../../src/boot/script/chain.ts";

const around: Circumstances = {
  mac: "02:00:00:00:00:01",
  firmware: "uefi",
  interface: "eth1",
  unsent: null,
  bootsOthers: null,
  refusal: null,
};
const nothing = (reason: Nothing, more: Partial<Circumstances> = {}) =>
  diagnoseProbe({ kind: "nothing", reason, evidence: { ...around, ...more } });

describe("the cause of a boot that gets no boot information", () => {
  it("is a missing server, a missing address, or an offer that is passed over", () => {
    expect(nothing({ why: "no-answer" })).toMatchObject({
      code: "no-server",
      cause: expect.stringContaining("eth1"),
    });
    const unsent = "send EPERM 255.255.255.255:67";
    expect(nothing({ why: "no-answer" }, { unsent })).toMatchObject({
      code: "request-not-sent",
      cause: expect.stringContaining(unsent),
    });
    expect(nothing({ why: "no-address", servers: ["10.0.0.3"] })).toMatchObject({
      code: "no-address",
      cause: expect.stringContaining("10.0.0.3"),
    });
    expect(nothing({ why: "unusable", server: "10.0.0.3", fault: "it lacks 54" })).toMatchObject({
      code: "unusable-offer",
      cause: expect.stringMatching(/10\.0\.0\.3 .*it lacks 54/),
    });
  });

  it("names the address server, and that the machine may be denied, where the wire does not tell", () => {
    const { code, cause, remedy } = nothing({ why: "no-boot-information", servers: ["10.0.0.1"] });
    expect(code).toBe("no-boot-information");
    expect(cause).toMatch(/10\.0\.0\.1.*02:00:00:00:00:01, is denied/);
    expect(remedy).toContain("dhcp-refused");
  });

  it("is the denial where others are served, or where a boot port says so", () => {
    const only: Nothing = { why: "no-boot-information", servers: ["10.0.0.1"] };
    expect(nothing(only, { bootsOthers: "10.0.0.3" })).toMatchObject({
      code: "machine-denied",
      cause: expect.stringContaining("10.0.0.3"),
    });
    const refusal = { server: "10.0.0.4", text: "its node entry says netboot: deny" };
    expect(nothing(only, { refusal })).toMatchObject({
      code: "machine-denied",
      cause: expect.stringMatching(/10\.0\.0\.4.*netboot: deny/),
    });
  });
});

describe("the cause of a silent boot server", () => {
  it("is the address server's option 60 when that made firmware ask", () => {
    const { code, cause, remedy } = diagnoseProbe({
      kind: "boot-server",
      server: "10.0.0.1",
      answered: false,
      unbeatable: "10.0.0.1",
      proxies: ["10.0.0.3"],
    });
    expect(code).toBe("unbeatable-server");
    expect(cause).toMatch(/10\.0\.0\.1 sends option 60 PXEClient.*passed over: 10\.0\.0\.3/);
    expect(remedy).toContain("remove option 60");
  });

  it("is port 4011 otherwise", () => {
    const failure = { kind: "boot-server", server: "10.0.0.3", unbeatable: null } as const;
    expect(diagnoseProbe({ ...failure, answered: false, proxies: [] })).toMatchObject({
      code: "boot-server-silent",
      cause: expect.stringContaining("4011"),
    });
    expect(diagnoseProbe({ ...failure, answered: true, proxies: [] })).toMatchObject({
      code: "unusable-offer",
      cause: expect.stringMatching(/10\.0\.0\.3 .*names no boot file/),
    });
  });
});

describe("the cause of a failed download", () => {
  const loader = { kind: "tftp", server: "10.0.0.3", file: "ipxe.efi" } as const;

  it.each<[Fault, boolean, string, RegExp]>([
    [{ kind: "tftp-error", code: 1, message: "no" }, false, "file-missing", /ipxe\.efi.*missing/],
    [{ kind: "tftp-error", code: 2, message: "no" }, false, "tftp-refused", /error 2: no/],
    [{ kind: "silent" }, false, "tftp-silent", /no answer from UDP 69/],
    [{ kind: "silent" }, true, "tftp-silent", /nothing listens on UDP 69 of 10\.0\.0\.3/],
    [{ kind: "broken" }, false, "download-broken", /broke off/],
  ])("by TFTP: %j, port closed %s: %s", (fault, portClosed, code, cause) => {
    const { mac } = around;
    const found = diagnoseDownload({ role: "loader", source: loader, fault, portClosed, mac });
    expect(found).toMatchObject({ code, cause: expect.stringMatching(cause) });
  });

  const status = (code: number): Fault => {
    return { kind: "http-status", status: code, text: "said so", location: null };
  };
  it.each<[Fault, string, RegExp]>([
    [status(404), "url-wrong", /the boot script is wrong: .*404/],
    [status(503), "mirror-empty", /mirror is empty.*said so/],
    [status(403), "machine-denied", /denied.*said so/],
    [status(500), "download-broken", /status 500/],
    [{ kind: "silent" }, "http-blocked", /10\.0\.0\.3:8080 is blocked/],
    [
      { kind: "unreachable", errno: "ECONNREFUSED" },
      "http-refused",
      /10\.0\.0\.3:8080 refused.*nothing listens/,
    ],
    [{ kind: "unreachable", errno: "EHOSTUNREACH" }, "unreachable", /EHOSTUNREACH/],
    [{ kind: "broken" }, "download-broken", /broke off/],
  ])("by HTTP: %j: %s", (fault, code, cause) => {
    const source = { kind: "http", url: "http://10.0.0.3:8080/boot.ipxe" } as const;
    const { mac } = around;
    const found = diagnoseDownload({ role: "script", source, fault, portClosed: false, mac });
    expect(found).toMatchObject({ code, cause: expect.stringMatching(cause) });
    expect(found.remedy).not.toBe("");
  });

  it("of a script is also that it is none: the loader once more", () => {
    const failure = { kind: "script", location: "tftp://10.0.0.3/ipxe.efi", seen: "x" } as const;
    expect(diagnoseProbe(failure)).toMatchObject({
      code: "script-unusable",
      remedy: expect.stringContaining("user class iPXE"),
    });
  });
});

describe("scripts", () => {
  const eventsUrl = "http://10.0.0.3/events";
  const settings = { mac: "02:00:00:00:00:01", uuid: "u" };

  it("that hand over name the next one", () => {
    expect(readChain(chainScript("http://10.0.0.3/${mac}.ipxe", eventsUrl), settings)).toBe(
      "http://10.0.0.3/02:00:00:00:00:01.ipxe",
    );
    expect(
      readChain(autoexecScript({ bootUrl: "http://10.0.0.3/boot.ipxe", eventsUrl }), settings),
    ).toBe("http://10.0.0.3/boot.ipxe?mac=02:00:00:00:00:01&uuid=u&serial=");
    expect(readChain("#!ipxe\necho nothing\n", settings)).toBeNull();
    // What it has, ten times as much with each line.
    const growing = Array.from(
      { length: 200 },
      (_, n) => `set v${n} ${`\${v${n - 1}}x`.repeat(10)}`,
    );
    const chain = readChain(`${growing.join("\n")}\nchain http://h/\${v199}\n`, settings);
    expect(chain?.length).toBeLessThan(100_000);
  });

  it("that send the machine on to its disk deny it, also behind others", async () => {
    const first: BootSource = { kind: "http", url: "http://10.0.0.3:8080/boot.ipxe" };
    const texts = [
      chainScript("http://10.0.0.3:8080/local.ipxe", eventsUrl),
      localBootScript("exit", "nodes deny, by eim-pxe"),
    ];
    const end = await followScripts(first, settings, async () => texts.shift() ?? "");
    expect(end).toEqual({
      kind: "denied",
      location: "http://10.0.0.3:8080/local.ipxe",
      reason: "nodes deny, by eim-pxe",
    });
  });

  it("that hand over to one another for ever boot nothing", async () => {
    const url = "http://10.0.0.3:8080/boot.ipxe";
    const read = async () => chainScript(url, eventsUrl);
    expect(await followScripts({ kind: "http", url }, settings, read)).toMatchObject({
      kind: "script",
      seen: "5 scripts hand over to one another",
    });
  });

  it("name files relative to themselves", () => {
    const script = orchestratorBootScript("http://10.0.0.3:8080/artifacts");
    const { kernelUrl = "" } = readDownloads(script, settings) ?? {};
    const http: BootSource = { kind: "http", url: "http://10.0.0.9/a/boot.ipxe" };
    const tftp: BootSource = { kind: "tftp", server: "10.0.0.9", file: "a/boot.ipxe" };
    expect(resolveSource(kernelUrl, tftp)).toEqual({ kind: "http", url: kernelUrl });
    expect(resolveSource("vmlinuz", http)).toEqual({
      kind: "http",
      url: "http://10.0.0.9/a/vmlinuz",
    });
    expect(resolveSource("vmlinuz", tftp)).toEqual({ ...tftp, file: "a/vmlinuz" });
    expect(resolveSource("nfs://10.0.0.9/vmlinuz", http)).toBeNull();
  });
});

describe("the machine that nobody knows", () => {
  it("has a locally administered address of its own for each host, always the same", () => {
    const mac = syntheticMac("08:00:27:29:4e:67");
    expect(mac).toMatch(/^02(:[0-9a-f]{2}){5}$/);
    expect(syntheticMac("08:00:27:29:4e:67")).toBe(mac);
    expect(syntheticMac("08:00:27:29:4e:68")).not.toBe(mac);
    expect(syntheticUuid(mac)).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });
});
