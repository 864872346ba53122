import { describe, expect, it } from "vitest";
import type { Plan } from "../../../src/boot/policy.ts";
import { NOT_A_BOOT_CLIENT } from "../../../src/boot/policy.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { toHex } from "../../../src/lib/bytes.ts";
import {
  askProxy,
  clientMac,
  eventNames,
  firmware,
  fromNowhere,
  message,
  onlyReply,
  ourAddress,
  reasons,
  selecting,
  sent,
} from "../../support/dhcp.ts";

const otherServer = "192.168.77.9";
const refused: Plan = {
  kind: "refused",
  why: "denied",
  reason: "its node entry says netboot: deny",
};

describe("a DHCPREQUEST on port 67", () => {
  it("that takes another server's offer is not acknowledged", () => {
    const effects = askProxy(selecting(firmware.uefi, otherServer, "192.168.77.50"));
    expect(sent(effects)).toEqual([]);
    expect(reasons(effects)).toEqual(["addressed to another server"]);
  });

  it("that takes another server's offer tells whose the address will be", () => {
    const effects = askProxy(selecting(firmware.uefi, otherServer, "192.168.77.50"));
    expect(effects[0]).toEqual({
      kind: "event",
      event: {
        event: "address-learned",
        mac: clientMac,
        address: "192.168.77.50",
        interface: "eth1",
      },
    });
  });

  it("that renews by broadcast tells it too, by ciaddr", () => {
    const options = message(firmware.operatingSystem, MessageType.REQUEST);
    const effects = askProxy(options, { ciaddr: "192.168.77.51" });
    expect(effects[0]).toMatchObject({
      event: { event: "address-learned", address: "192.168.77.51" },
    });
    expect(reasons(effects)).toEqual([NOT_A_BOOT_CLIENT]);
  });

  it("without a server identifier is not acknowledged", () => {
    const options = {
      ...message(firmware.uefi, MessageType.REQUEST),
      50: Uint8Array.of(192, 168, 77, 50),
    };
    expect(sent(askProxy(options))).toEqual([]);
  });

  it("for us is acknowledged with the same boot information, and no address", () => {
    const effects = askProxy(selecting(firmware.uefi, ourAddress, "192.168.77.50"));
    const ack = onlyReply(effects);
    expect(ack.options.get(53)).toEqual(Uint8Array.of(MessageType.ACK));
    expect(ack).toMatchObject({ yiaddr: "0.0.0.0", siaddr: ourAddress, file: "ipxe.efi" });
  });

  it("that looks for a bootstrap server by broadcast gets its boot item back", () => {
    const options = {
      ...message(firmware.bios, MessageType.REQUEST),
      43: Uint8Array.of(71, 4, 0, 0, 0, 0, 255),
    };
    const ack = onlyReply(askProxy(options));
    expect(toHex(ack.options.get(43) ?? new Uint8Array())).toBe("470400000000ff");
    expect(ack.file).toBe("undionly.kpxe");
  });

  it.each([
    ["of another type", ourAddress, [71, 4, 0, 9, 0, 0]],
    ["of another type, to all servers", null, [71, 4, 0x80, 1, 0, 0]],
    ["that is malformed, to all servers", null, [71, 9, 0, 0]],
  ])("for a boot item %s is not acknowledged", (_, server, item) => {
    const options =
      server === null
        ? message(firmware.bios, MessageType.REQUEST)
        : selecting(firmware.bios, server, "192.168.77.50");
    expect(sent(askProxy({ ...options, 43: Uint8Array.from(item) }))).toEqual([]);
  });
});

describe("the proxy leaves alone", () => {
  it("the DHCPDISCOVER of an operating system", () => {
    const options = { ...message(firmware.operatingSystem), 50: Uint8Array.of(192, 168, 77, 50) };
    const effects = askProxy(options);
    // Its option 50 is a wish, and perhaps by now another machine's address.
    expect(effects).toEqual([{ kind: "ignore", reason: NOT_A_BOOT_CLIENT }]);
  });

  it("the DHCPREQUEST of an operating system, but learns its address", () => {
    const options = selecting(firmware.operatingSystem, otherServer, "192.168.77.50");
    const effects = askProxy(options);
    expect(eventNames(effects)).toEqual(["address-learned"]);
    expect(reasons(effects)).toEqual([NOT_A_BOOT_CLIENT]);
    expect(sent(effects)).toEqual([]);
  });

  it.each([
    ["DHCPDECLINE", MessageType.DECLINE],
    ["DHCPRELEASE", MessageType.RELEASE],
    ["DHCPOFFER", MessageType.OFFER],
  ])("a %s", (_, type) => {
    const effects = askProxy(message(firmware.uefi, type));
    expect(effects.map(({ kind }) => kind)).toEqual(["ignore"]);
  });

  it.each([
    ["DHCPINFORM", MessageType.INFORM],
    ["BOOTP", 0],
  ])("a %s, and reports it", (_, type) => {
    const effects = askProxy(message(firmware.uefi, type));
    expect(sent(effects)).toEqual([]);
    expect(eventNames(effects)).toEqual(["dhcp-refused"]);
  });

  it("a server's packet", () => {
    expect(reasons(askProxy(message(firmware.uefi), { op: 2 }))).toEqual(["not a BOOTREQUEST"]);
  });
});

describe("a machine that may not boot", () => {
  it("hears nothing, and the event says why", () => {
    const effects = askProxy(message(firmware.uefi), {}, fromNowhere, refused);
    expect(eventNames(effects)).toEqual(["discover", "dhcp-refused"]);
    expect(effects.slice(1)).toEqual([
      {
        kind: "event",
        event: {
          event: "dhcp-refused",
          mac: clientMac,
          address: null,
          interface: "eth1",
          why: "machine-denied",
          reason: `this machine, ${clientMac}, is denied: ${refused.reason}`,
          remedy: expect.stringContaining("netboot: allow"),
        },
      },
    ]);
  });

  it("of an unknown architecture is named with its options 93 and 60", () => {
    const effects = askProxy(message(firmware.unknown));
    expect(eventNames(effects)).toEqual(["discover", "dhcp-refused"]);
    expect(JSON.stringify(effects)).toMatch(/option 93 says 99.*PXEClient:Arch:00099/);
  });

  it("is not reported as refused for taking another server's offer", () => {
    const options = selecting(firmware.uefi, otherServer, "192.168.77.50");
    expect(eventNames(askProxy(options, {}, fromNowhere, refused))).toEqual(["address-learned"]);
  });
});
