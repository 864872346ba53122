import { describe, expect, test } from "vitest";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { decodeOption } from "../../../src/dhcp/wire/options.ts";
import type { DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import { decodePacket, encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { fromHex, fromText, toHex, toText, u16, u32 } from "../../../src/lib/bytes.ts";
import { baseUrl, firmware, machineId, ourAddress } from "../../support/dhcp.ts";
import { FullSite, Machine } from "../../support/full-site.ts";

const mac = "52:54:00:00:00:0a";

function codes(packet: DhcpPacket | null): readonly number[] {
  return [...(packet?.options.keys() ?? [])].toSorted((a, b) => a - b);
}

function value(packet: DhcpPacket | null, code: number): unknown {
  const bytes = packet?.options.get(code);
  return bytes === undefined ? undefined : decodeOption(code, bytes).value;
}

describe("the settings of the network", () => {
  const settings = {
    router: ["192.168.77.1", "192.168.77.2"],
    dns: ["192.168.77.53", "192.168.77.54"],
    ntp: ["192.168.77.123"],
    logServers: ["192.168.77.5"],
    domain: "site.example",
  };

  test("come from the link, and nothing is sent that is not set", () => {
    const { reply } = new Machine(new FullSite(settings), mac).discover();
    expect(codes(reply)).toEqual([1, 3, 6, 7, 15, 28, 42, 51, 53, 54, 58, 59, 61]);
    expect(value(reply, OptionCode.SUBNET_MASK)).toBe("255.255.255.0");
    expect(value(reply, OptionCode.ROUTER)).toEqual(settings.router);
    expect(value(reply, OptionCode.DOMAIN_NAME_SERVER)).toEqual(settings.dns);
    expect(value(reply, OptionCode.NTP_SERVERS)).toEqual(settings.ntp);
    expect(value(reply, OptionCode.LOG_SERVER)).toEqual(settings.logServers);
    expect(value(reply, OptionCode.DOMAIN_NAME)).toBe("site.example");
    expect(value(reply, OptionCode.BROADCAST_ADDRESS)).toBe("192.168.77.255");
    expect(codes(new Machine(new FullSite(), mac).discover().reply)).toEqual([
      1, 28, 51, 53, 54, 58, 59, 61,
    ]);
  });

  test("come from the node's entry where that says something", () => {
    const site = new FullSite(settings);
    site.addNode({
      mac,
      name: "pxe-virtualbox",
      address: "192.168.77.20",
      netmask: "255.255.255.128",
      router: ["192.168.77.3"],
      dns: ["8.8.8.8"],
      ntp: ["192.168.77.124"],
      domain: "example.com",
      domainSearch: ["a.example", "b.example"],
    });
    const { reply } = new Machine(site, mac).discover();
    expect(value(reply, OptionCode.SUBNET_MASK)).toBe("255.255.255.128");
    expect(value(reply, OptionCode.BROADCAST_ADDRESS)).toBe("192.168.77.127");
    expect(value(reply, OptionCode.ROUTER)).toEqual(["192.168.77.3"]);
    expect(value(reply, OptionCode.DOMAIN_NAME_SERVER)).toEqual(["8.8.8.8"]);
    expect(value(reply, OptionCode.NTP_SERVERS)).toEqual(["192.168.77.124"]);
    expect(value(reply, OptionCode.HOST_NAME)).toBe("pxe-virtualbox");
    expect(value(reply, OptionCode.DOMAIN_NAME)).toBe("example.com");
    expect(value(reply, OptionCode.DOMAIN_SEARCH)).toEqual(["a.example", "b.example"]);
    expect(value(reply, OptionCode.LOG_SERVER)).toEqual(settings.logServers);
  });

  test("an empty list of the node's switches the link's off", () => {
    const site = new FullSite(settings);
    site.addNode({ mac, router: [], dns: [] });
    const { reply } = new Machine(site, mac).discover();
    expect(codes(reply)).not.toContain(OptionCode.ROUTER);
    expect(codes(reply)).not.toContain(OptionCode.DOMAIN_NAME_SERVER);
  });

  test("the default route is among the classless routes, which make clients disregard option 3", () => {
    const site = new FullSite(settings);
    const node = { mac, routes: [{ network: "10.0.0.0", prefixLength: 8, via: "192.168.77.2" }] };
    site.addNode(node);
    const { reply } = new Machine(site, mac).discover();
    expect(value(reply, OptionCode.CLASSLESS_STATIC_ROUTE)).toEqual([
      ...node.routes,
      { network: "0.0.0.0", prefixLength: 0, via: "192.168.77.1" },
    ]);
  });

  test("an entry for another network gives its machine no netmask, router or routes here", () => {
    const site = new FullSite(settings);
    site.addNode({
      mac,
      name: "roamer",
      address: "10.1.2.3",
      netmask: "255.0.0.0",
      broadcast: "10.255.255.255",
      router: ["10.0.0.1"],
      routes: [{ network: "10.0.0.0", prefixLength: 8, via: "10.0.0.1" }],
    });
    const { reply } = new Machine(site, mac).discover();
    expect(value(reply, OptionCode.SUBNET_MASK)).toBe("255.255.255.0");
    expect(value(reply, OptionCode.BROADCAST_ADDRESS)).toBe("192.168.77.255");
    expect(value(reply, OptionCode.ROUTER)).toEqual(settings.router);
    expect(codes(reply)).not.toContain(OptionCode.CLASSLESS_STATIC_ROUTE);
    expect(value(reply, OptionCode.HOST_NAME)).toBe("roamer");
  });

  test("options of the configuration are added, the node's over the link's", () => {
    const site = new FullSite({
      options: [
        { code: 26, value: u16(1400) },
        { code: 224, value: fromText("link") },
        { code: 150, value: fromText("link") },
      ],
    });
    site.addNode({ mac, options: [{ code: 224, value: fromText("node") }] });
    const { reply } = new Machine(site, mac).discover();
    expect(value(reply, 26)).toBe(1400);
    expect(toText(reply?.options.get(224) ?? new Uint8Array())).toBe("node");
    expect(toText(reply?.options.get(150) ?? new Uint8Array())).toBe("link");
  });

  test("options of the protocol cannot be configured away", () => {
    const site = new FullSite({ options: [{ code: 54, value: u32(1) }] });
    site.addNode({ mac, options: [{ code: 53, value: Uint8Array.of(9) }] });
    const { type, reply } = new Machine(site, mac).discover();
    expect(type).toBe("OFFER");
    expect(value(reply, OptionCode.SERVER_IDENTIFIER)).toBe(ourAddress);
  });
});

describe("the lease time", () => {
  const seconds = (packet: DhcpPacket | null) =>
    [OptionCode.LEASE_TIME, OptionCode.RENEWAL_TIME, OptionCode.REBINDING_TIME].map((code) =>
      value(packet, code),
    );

  test("is long for an operating system, with T1 and T2 at a half and seven eighths", () => {
    const { reply } = new Machine(new FullSite(), mac).discover();
    expect(seconds(reply)).toEqual([3600, 1800, 3150]);
  });

  test.each([
    ["PXE firmware", firmware.uefi],
    ["UEFI HTTP boot", firmware.uefiHttp],
    ["iPXE", firmware.ipxe],
  ])("is short for %s", (_, options) => {
    const { reply } = new Machine(new FullSite(), mac, options).discover();
    expect(seconds(reply)).toEqual([120, 60, 105]);
  });

  test("is the node's own where it has one", () => {
    const site = new FullSite();
    site.addNode({ mac, leaseSeconds: 86_400 });
    expect(seconds(new Machine(site, mac, firmware.uefi).discover().reply)[0]).toBe(86_400);
  });

  test.each([
    ["shorter", 600, 600],
    ["longer than allowed", 90_000, 3600],
    ["absurdly short", 1, 60],
  ])("that the client wishes for: %s", (_, wish, given) => {
    const { reply } = new Machine(new FullSite(), mac).discover({ options: { 51: u32(wish) } });
    expect(seconds(reply)[0]).toBe(given);
  });

  test("in the acknowledgement is that of the recorded lease", () => {
    const site = new FullSite();
    const machine = new Machine(site, mac, firmware.uefi);
    const { reply, recorded } = machine.select(machine.discover().reply?.yiaddr ?? "");
    expect(seconds(reply)[0]).toBe(120);
    expect(recorded?.expiresAtMs).toBe(site.nowMs + 120_000);
  });
});

describe("what to boot, beside an address", () => {
  test("PXE firmware: next server and loader with 43.6, and no option 60, which would send it to port 4011", () => {
    const { reply } = new Machine(new FullSite(), mac, firmware.uefi).discover();
    expect(reply).toMatchObject({ siaddr: ourAddress, file: "ipxe.efi" });
    expect(toHex(reply?.options.get(OptionCode.VENDOR_SPECIFIC) ?? new Uint8Array())).toBe(
      "060108ff",
    );
    expect(value(reply, OptionCode.TFTP_SERVER_NAME)).toBe(ourAddress);
    expect(toHex(reply?.options.get(OptionCode.BOOTFILE_NAME) ?? new Uint8Array())).toBe(
      `${toHex(fromText("ipxe.efi"))}00`,
    );
    expect(reply?.options.get(OptionCode.CLIENT_MACHINE_IDENTIFIER)).toEqual(machineId);
    expect(codes(reply)).not.toContain(OptionCode.VENDOR_CLASS_IDENTIFIER);
  });

  test("UEFI HTTP boot: the URL, with option 60 HTTPClient", () => {
    const { reply } = new Machine(new FullSite(), mac, firmware.uefiHttp).discover();
    expect(reply?.file).toBe(`${baseUrl}/${mac}/ipxe.efi`);
    expect(value(reply, OptionCode.VENDOR_CLASS_IDENTIFIER)).toBe("HTTPClient");
  });

  test("iPXE: the script, and 175.176 so that it does not wait for a proxy", () => {
    const { reply, events } = new Machine(new FullSite(), mac, firmware.ipxe).discover();
    expect(reply?.file).toBe(`${baseUrl}/${mac}/boot.ipxe`);
    expect(toHex(reply?.options.get(OptionCode.IPXE_ENCAPSULATED) ?? new Uint8Array())).toBe(
      "b00101",
    );
    expect(events).toEqual(["ipxe-discover", "ipxe-offer"]);
  });

  test("an ordinary client: nothing but our address as next server", () => {
    const { reply } = new Machine(new FullSite(), mac).discover();
    expect(reply).toMatchObject({ siaddr: ourAddress, file: "", sname: "" });
    expect(codes(reply)).not.toContain(OptionCode.BOOTFILE_NAME);
  });

  test("firmware of an unknown architecture: an address, no boot file, and a report", () => {
    const { type, reply, effects } = new Machine(new FullSite(), mac, firmware.unknown).discover();
    expect(type).toBe("OFFER");
    expect(reply).toMatchObject({ siaddr: "0.0.0.0", file: "" });
    expect(codes(reply)).not.toContain(OptionCode.BOOTFILE_NAME);
    expect(codes(reply)).not.toContain(OptionCode.VENDOR_SPECIFIC);
    const reports = effects.flatMap((effect) => (effect.kind === "event" ? [effect.event] : []));
    expect(reports).toMatchObject([
      { event: "discover" },
      {
        event: "dhcp-refused",
        why: "no-loader-fits",
        reason: expect.stringMatching(/option 93 says 99.*PXEClient:Arch:00099/s),
      },
    ]);
  });

  test("a machine that may not boot: an address, no boot file", () => {
    const site = new FullSite();
    site.addNode({ mac, netboot: "deny" });
    const { type, reply, events } = new Machine(site, mac, firmware.uefi).discover();
    expect(type).toBe("OFFER");
    expect(reply).toMatchObject({ siaddr: "0.0.0.0", file: "" });
    expect(events).toEqual(["discover", "dhcp-refused"]);
  });

  test("the link's option 43 is for others; firmware gets its own", () => {
    const site = new FullSite({
      options: [{ code: 43, value: fromHex("f104c0a84d01") ?? u16(0) }],
    });
    const toFirmware = new Machine(site, mac, firmware.uefi).discover().reply;
    expect(toHex(toFirmware?.options.get(43) ?? new Uint8Array())).toBe("060108ff");
    const toOthers = new Machine(site, mac).discover().reply;
    expect(toHex(toOthers?.options.get(43) ?? new Uint8Array())).toBe("f104c0a84d01");
  });

  test("a node's own options 66 and 67 win, in the header too", () => {
    const site = new FullSite();
    const options = [
      { code: 66, value: fromText("192.168.77.9") },
      { code: 67, value: fromText("special.efi") },
    ];
    site.addNode({ mac, options });
    const { reply } = new Machine(site, mac, firmware.uefi).discover();
    expect(reply).toMatchObject({ siaddr: "192.168.77.9", file: "special.efi" });
    expect(reply?.options.get(OptionCode.BOOTFILE_NAME)).toEqual(fromText("special.efi\0"));
  });

  test("with a boot file of its own a node is told nothing of discovery, unless by itself", () => {
    const site = new FullSite({ options: [{ code: 43, value: Uint8Array.of(1, 1, 1) }] });
    const options = [{ code: 67, value: fromText("special.efi\0") }];
    site.addNode({ mac, options });
    const told = (of: typeof firmware.uefi | undefined) =>
      new Machine(site, mac, of).discover().reply?.options.get(OptionCode.VENDOR_SPECIFIC);
    expect(told(firmware.uefi)).toBeUndefined();
    expect(told(undefined)).toEqual(Uint8Array.of(1, 1, 1));
  });

  test("a boot file of its own holds for a machine that may boot nothing of ours, too", () => {
    const site = new FullSite();
    site.addNode({ mac, netboot: "deny", options: [{ code: 67, value: fromText("onie") }] });
    const { reply } = new Machine(site, mac, firmware.uefi).discover();
    expect(reply).toMatchObject({ siaddr: ourAddress, file: "onie" });
  });

  test("a node's domain is its search list unless it has one", () => {
    const site = new FullSite();
    site.addNode({ mac, domain: "site.example" });
    const { reply } = new Machine(site, mac).discover();
    expect(value(reply, OptionCode.DOMAIN_SEARCH)).toEqual(["site.example"]);
    site.addNode({ mac: "08:00:27:00:00:02", domain: "a.example", domainSearch: ["b.example"] });
    const other = new Machine(site, "08:00:27:00:00:02").discover().reply;
    expect(value(other, OptionCode.DOMAIN_SEARCH)).toEqual(["b.example"]);
  });
});

test("every reply can be encoded, and decodes to what it was", () => {
  const site = new FullSite({ domain: "x".repeat(253), dns: Array(70).fill("192.168.77.53") });
  const machine = new Machine(site, mac, firmware.uefi);
  const offer = machine.discover().reply;
  const address = offer?.yiaddr ?? "";
  const replies = [offer, machine.select(address).reply, machine.inform(address).reply];
  for (const reply of [...replies, machine.reboot("10.0.0.1").reply]) {
    expect(reply === null ? null : decodePacket(encodePacket(reply))).toEqual(reply);
    expect([...(reply?.options.values() ?? [])].every(({ length }) => length > 0)).toBe(true);
  }
});
