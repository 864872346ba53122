import { describe, expect, it } from "vitest";
import type { Plan } from "../../../src/boot/policy.ts";
import { decodePacket, type DhcpPacket, encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import type { Source } from "../../../src/dhcp/message/request.ts";
import { readPxeVendorOptions } from "../../../src/dhcp/wire/vendor-options.ts";
import { toHex, toText } from "../../../src/lib/bytes.ts";
import { ip4FromBytes } from "../../../src/lib/ip4.ts";
import {
  askProxy,
  clientMac,
  eventNames,
  firmware,
  fromNowhere,
  machineId,
  message,
  onlyReply,
  type Options,
  ourAddress,
  sent,
  textOf,
} from "../../support/dhcp.ts";

describe("the proxy's offer to PXE firmware", () => {
  const offer = onlyReply(askProxy(message(firmware.uefi)));

  it("gives no address and says where the loader is", () => {
    expect(offer).toMatchObject({
      op: 2,
      htype: 1,
      hops: 0,
      xid: 0x11223344,
      secs: 0,
      ciaddr: "0.0.0.0",
      yiaddr: "0.0.0.0",
      siaddr: ourAddress,
      giaddr: "0.0.0.0",
      sname: ourAddress,
      file: "ipxe.efi",
    });
    expect(toText(offer.options.get(67) ?? new Uint8Array())).toBe("ipxe.efi");
  });

  it("holds these options and no other", () => {
    const codes = [...offer.options.keys()].toSorted((a, b) => a - b);
    expect(codes).toEqual([43, 53, 54, 60, 66, 67, 97]);
    expect(offer.options.get(53)).toEqual(Uint8Array.of(MessageType.OFFER));
  });

  it("holds options 54 and 60, without which EDK2 drops it", () => {
    expect(ip4FromBytes(offer.options.get(54) ?? new Uint8Array())).toBe(ourAddress);
    expect(textOf(offer, 60)).toBe("PXEClient");
  });

  it("tells the firmware by 43.6 to load the file at once, and ends 43 with End", () => {
    expect(toHex(offer.options.get(43) ?? new Uint8Array())).toBe("060108ff");
  });

  it("ends option 67 with NUL and option 66 without", () => {
    expect(textOf(offer, 67)).toBe("ipxe.efi\0");
    expect(textOf(offer, 66)).toBe(ourAddress);
  });

  it("gives back option 97 as it came", () => {
    expect(offer.options.get(97)).toEqual(machineId);
  });

  it("is broadcast with the broadcast flag, also when the client did not set it", () => {
    const effects = askProxy(message(firmware.bios), { flags: 0 });
    expect(onlyReply(effects).flags).toBe(0x8000);
    expect(sent(effects)[0]?.to).toEqual({ address: "255.255.255.255", port: 68 });
  });

  it("is encoded in 300 bytes and more, ascending, and decodes to itself", () => {
    const bytes = encodePacket(offer);
    expect(bytes.length).toBeGreaterThanOrEqual(300);
    expect(decodePacket(bytes)).toEqual(offer);
  });

  it.each([
    ["BIOS", firmware.bios, "undionly.kpxe"],
    ["UEFI x86-64", firmware.uefi, "ipxe.efi"],
    ["UEFI arm64", firmware.arm64, "snp-arm64.efi"],
  ])("names the loader of %s", (_, options, file) => {
    expect(onlyReply(askProxy(message(options))).file).toBe(file);
  });

  it("comes between the events discover and offer", () => {
    const effects = askProxy(message(firmware.uefi));
    expect(effects.map(({ kind }) => kind)).toEqual(["event", "send", "event"]);
    const machine = { mac: clientMac, address: null, interface: "eth1" };
    expect(effects[0]).toEqual({
      kind: "event",
      event: {
        event: "discover",
        ...machine,
        architecture: "x86-64 UEFI",
        firmware: "PXEClient:Arch:00007:UNDI:003001",
        uuid: "33221100-5544-7766-8899-aabbccddeeff",
        broadcast: true,
        userClass: null,
        secs: 4,
      },
    });
    expect(effects[2]).toEqual({
      kind: "event",
      event: { event: "offer", ...machine, boots: "ipxe.efi", way: "direct" },
    });
  });

  it("shows a vendor class of any bytes only escaped and cut", () => {
    const nasty = Uint8Array.from({ length: 255 }, (_, i) => i);
    const options = {
      ...firmware.uefi,
      60: Uint8Array.from([...Buffer.from("PXEClient"), 10, 27, ...nasty.subarray(1)]),
    };
    const [event] = askProxy(message(options));
    expect(JSON.stringify(event)).toMatch(/"firmware":"PXEClient\\\\x0a\\\\x1b/);
  });
});

describe("the proxy's offer without some option of the client", () => {
  function without(code: number): DhcpPacket {
    const options = Object.entries(message(firmware.uefi)).filter(([key]) => key !== String(code));
    return onlyReply(askProxy(Object.fromEntries(options)));
  }

  it("holds option 97 only when the client sent one", () => {
    expect(without(97).options.has(97)).toBe(false);
  });

  it("holds nothing of zero length, whatever was empty in the request", () => {
    const empty = new Uint8Array();
    const options = { ...message(firmware.uefi), 97: empty, 61: empty, 82: empty, 43: empty };
    const offer = onlyReply(askProxy(options));
    expect([...offer.options.values()].filter((value) => value.length === 0)).toEqual([]);
    expect([61, 82, 97].filter((code) => offer.options.has(code))).toEqual([]);
  });

  it("gives back a client identifier when there was one", () => {
    const id = Uint8Array.of(0, 1, 2, 3);
    expect(onlyReply(askProxy({ ...message(firmware.uefi), 61: id })).options.get(61)).toEqual(id);
    expect(without(61).options.has(61)).toBe(false);
  });
});

describe("the proxy's offer to iPXE", () => {
  const url = `http://192.168.77.1:8080/${clientMac}/boot.ipxe`;

  it("names the script, not the loader", () => {
    const offer = onlyReply(askProxy(message(firmware.ipxe)));
    expect(offer.file).toBe(url);
    expect(textOf(offer, 67)).toBe(`${url}\0`);
  });

  it("holds siaddr and option 60, without which iPXE does not take it as final", () => {
    const offer = onlyReply(askProxy(message(firmware.ipxe)));
    expect(offer.siaddr).toBe(ourAddress);
    expect(textOf(offer, 60)).toBe("PXEClient");
  });

  it("does not speak of waiting for a proxy, being one", () => {
    expect(onlyReply(askProxy(message(firmware.ipxe))).options.has(175)).toBe(false);
  });

  it.each<[string, Options]>([
    ["bare user class", { ...firmware.uefi, 77: Buffer.from("iPXE") }],
    ["RFC 3004 user class", { ...firmware.uefi, 77: Buffer.from("\x04iPXE") }],
    ["another configured user class", { ...firmware.uefi, 77: Buffer.from("Tinkerbell") }],
    ["option 175 alone", { ...firmware.uefi, 175: Uint8Array.of(19, 1, 1) }],
  ])("knows it by its %s", (_, options) => {
    expect(onlyReply(askProxy(message(options))).file).toBe(url);
  });

  it("comes between the events ipxe-discover and ipxe-offer", () => {
    const effects = askProxy(message(firmware.ipxe));
    expect(eventNames(effects)).toEqual(["ipxe-discover", "ipxe-offer"]);
    expect(effects.at(-1)).toMatchObject({ event: { boots: url } });
  });

  it("puts a URL of more than 127 bytes into option 67 alone, whole", () => {
    const long = `http://192.168.77.1:8080/${"x".repeat(300)}.ipxe`;
    const offer = onlyReply(
      askProxy(message(firmware.ipxe), {}, fromNowhere, { kind: "script", url: long }),
    );
    expect(offer.file).toBe("");
    expect(textOf(decodePacket(encodePacket(offer)), 67)).toBe(`${long}\0`);
  });

  it.each([
    [127, 127],
    [128, 0],
  ])("puts a URL of %i bytes into file as %i bytes", (length, inFile) => {
    const name = `http://h/${"x".repeat(length - 9)}`;
    const plan: Plan = { kind: "script", url: name };
    const offer = onlyReply(askProxy(message(firmware.ipxe), {}, fromNowhere, plan));
    expect(offer.file).toHaveLength(inFile);
    expect(textOf(offer, 67)).toBe(`${name}\0`);
  });
});

describe("the proxy's offer to UEFI HTTP firmware", () => {
  const offer = onlyReply(askProxy(message(firmware.uefiHttp)));
  const url = `http://192.168.77.1:8080/${clientMac}/ipxe.efi`;

  it("says HTTPClient and gives a URL, in file and option 67", () => {
    expect(textOf(offer, 60)).toBe("HTTPClient");
    expect(offer.file).toBe(url);
    expect(textOf(offer, 67)).toBe(`${url}\0`);
  });

  it("holds the discovery control that SMEE gives it, too; this firmware passes it over", () => {
    expect(offer.options.get(43)).toEqual(Uint8Array.of(6, 1, 8, 255));
  });
});

describe("the proxy's offer to a Raspberry Pi", () => {
  it("holds the menu item that its boot ROM looks for", () => {
    const chaddr = Uint8Array.of(0xdc, 0xa6, 0x32, 1, 2, 3);
    const offer = onlyReply(askProxy(message(firmware.bios), { chaddr }));
    expect(readPxeVendorOptions(offer.options.get(43) ?? new Uint8Array())).toMatchObject({
      discoveryControl: 8,
      bootMenu: [{ type: 0, text: "Raspberry Pi Boot" }],
      menuPrompt: { timeoutSeconds: 0, text: "PXE" },
    });
    expect(offer.file).toBe("snp-arm64.efi");
  });
});

describe("the proxy through a relay agent", () => {
  const relay: Source = { address: "192.168.5.1", port: 67 };
  const agent = Uint8Array.of(1, 4, 101, 116, 104, 48);
  const effects = askProxy(
    { ...message(firmware.uefi), 82: agent },
    { giaddr: "192.168.5.1", flags: 0, hops: 1 },
    relay,
  );

  it("answers to giaddr, port 67", () => {
    expect(sent(effects)[0]?.to).toEqual({ address: "192.168.5.1", port: 67 });
  });

  it("asks it to broadcast, since there is no address to send to, and leaves giaddr as it came", () => {
    expect(onlyReply(effects)).toMatchObject({ giaddr: "192.168.5.1", flags: 0x8000, hops: 0 });
  });

  it("gives option 82 back, last of all", () => {
    const bytes = encodePacket(onlyReply(effects));
    const end = bytes.lastIndexOf(255);
    expect([...bytes.subarray(end - 8, end)]).toEqual([82, 6, ...agent]);
  });
});
