import { describe, expect, it } from "vitest";
import type { Plan } from "../../../src/boot/policy.ts";
import { handleBootServer } from "../../../src/dhcp/handlers/boot-server.ts";
import type { Effect } from "../../../src/dhcp/handlers/effects.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import { type DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import type { Source } from "../../../src/dhcp/message/request.ts";
import { fromText, toHex } from "../../../src/lib/bytes.ts";
import { ip4ToBytes } from "../../../src/lib/ip4.ts";
import {
  clientMac,
  eventNames,
  firmware,
  fullLink,
  machineId,
  message,
  onlyReply,
  type Options,
  ourAddress,
  planFor,
  proxyLink,
  requestWith,
  sent,
} from "../../support/dhcp.ts";

const edk2: Source = { address: "192.168.77.50", port: 4011 };
const ipxe: Source = { address: "192.168.77.50", port: 68 };

interface Asking {
  readonly type?: number;
  readonly source?: Source;
  readonly link?: Link;
  readonly plan?: Plan;
  readonly changes?: Partial<DhcpPacket>;
}

/** What the boot server does for a client that has an address and asks it directly. */
function ask(options: Options, how: Asking = {}): readonly Effect[] {
  const { type = MessageType.REQUEST, source = edk2, link = proxyLink, changes = {} } = how;
  const header = { flags: 0, ciaddr: source.address, ...changes };
  const request = requestWith(message(options, type), header, source);
  return handleBootServer(request, how.plan ?? planFor(request), link);
}

describe("the boot server's answer to EDK2", () => {
  const effects = ask(firmware.uefi);
  const ack = onlyReply(effects);

  it("goes to the port that it asked from", () => {
    expect(sent(effects)[0]?.to).toEqual({ address: "192.168.77.50", port: 4011 });
  });

  it("is an acknowledgement with the boot file", () => {
    expect(ack).toMatchObject({
      ciaddr: "192.168.77.50",
      yiaddr: "0.0.0.0",
      siaddr: ourAddress,
      sname: ourAddress,
      file: "ipxe.efi",
      flags: 0,
    });
    expect(ack.options.get(53)).toEqual(Uint8Array.of(MessageType.ACK));
    expect(ack.options.get(54)).toEqual(ip4ToBytes(ourAddress));
    expect(ack.options.get(60)).toEqual(fromText("PXEClient"));
    expect(ack.options.get(66)).toEqual(fromText(ourAddress));
    expect(ack.options.get(67)).toEqual(fromText("ipxe.efi\0"));
    expect(ack.options.get(97)).toEqual(machineId);
  });

  it("holds no option 43 when it asked for no boot item", () => {
    expect(ack.options.has(43)).toBe(false);
  });

  it("tells whose the address is, and what the machine boots", () => {
    expect(eventNames(effects)).toEqual(["address-learned", "offer"]);
    expect(effects[0]).toMatchObject({ event: { mac: clientMac, address: "192.168.77.50" } });
  });
});

describe("the boot server's answer to iPXE", () => {
  const options = { ...firmware.ipxe, 54: ip4ToBytes(ourAddress) };
  const effects = ask(options, { source: ipxe, changes: { flags: 0x8000 } });

  it("goes to port 68 of its address", () => {
    expect(sent(effects)[0]?.to).toEqual({ address: "192.168.77.50", port: 68 });
  });

  it("holds siaddr and the script's URL, for which it waits", () => {
    const url = `http://192.168.77.1:8080/${clientMac}/boot.ipxe`;
    expect(onlyReply(effects)).toMatchObject({ siaddr: ourAddress, file: url });
    expect(onlyReply(effects).options.get(67)).toEqual(fromText(`${url}\0`));
    expect(onlyReply(effects).options.get(60)).toEqual(fromText("PXEClient"));
  });
});

describe("the boot server", () => {
  it.each(["proxy", "full"] as const)("answers on a link in mode %s", (mode) => {
    const link = mode === "proxy" ? proxyLink : fullLink;
    expect(onlyReply(ask(firmware.bios, { link })).file).toBe("undionly.kpxe");
  });

  it("answers a DHCPINFORM too", () => {
    const ack = onlyReply(ask(firmware.bios, { type: MessageType.INFORM }));
    expect(ack.options.get(53)).toEqual(Uint8Array.of(MessageType.ACK));
  });

  it("gives the boot item back", () => {
    const ack = onlyReply(ask({ ...firmware.bios, 43: Uint8Array.of(71, 4, 0, 0, 0x80, 1, 255) }));
    expect(toHex(ack.options.get(43) ?? new Uint8Array())).toBe("470400008001ff");
  });

  it("takes a malformed option 43 for none", () => {
    const ack = onlyReply(ask({ ...firmware.bios, 43: Uint8Array.of(71, 9, 0) }));
    expect(ack.options.has(43)).toBe(false);
  });

  it("field fault 9: means us where it names the server that gave it its address", () => {
    const ack = onlyReply(ask({ ...firmware.uefi, 54: Uint8Array.of(192, 168, 77, 9) }));
    expect([ack.file, ack.options.get(54)]).toEqual(["ipxe.efi", ip4ToBytes(ourAddress)]);
  });

  it("leaves what is asked of everybody to the server that it names", () => {
    const other = { ...firmware.uefi, 54: Uint8Array.of(192, 168, 77, 9) };
    const source = { address: "192.168.77.50", port: 4011, isBroadcast: true };
    expect(ask(other, { source })).toEqual([
      { kind: "ignore", reason: "addressed to another server" },
    ]);
    expect(onlyReply(ask(firmware.uefi, { source })).file).toBe("ipxe.efi");
  });

  it("broadcasts to a client whose address it does not see", () => {
    const source = { address: "0.0.0.0", port: 68 };
    expect(sent(ask(firmware.bios, { source }))[0]?.to.address).toBe("255.255.255.255");
  });

  it.each<[string, readonly Effect[], string]>([
    ["an operating system", ask(firmware.operatingSystem), "not a network boot client"],
    [
      "a boot item of another type",
      ask({ ...firmware.uefi, 43: Uint8Array.of(71, 4, 0, 9, 0, 0, 255) }),
      "a boot item that is not ours",
    ],
    ["a server's packet", ask(firmware.uefi, { changes: { op: 2 } }), "not a BOOTREQUEST"],
  ])("does not answer %s", (_, effects, reason) => {
    expect(effects).toEqual([{ kind: "ignore", reason }]);
  });

  it.each([
    ["UEFI HTTP firmware", ask(firmware.uefiHttp), "message type 3 of UEFI HTTP boot"],
    ["a DHCPDISCOVER", ask(firmware.uefi, { type: MessageType.DISCOVER }), "message type 1 of PXE"],
  ])("does not answer %s, and reports it", (_, effects, reason) => {
    expect(sent(effects)).toEqual([]);
    expect(eventNames(effects).at(-1)).toBe("dhcp-refused");
    expect(JSON.stringify(effects)).toContain(`a boot server has no answer to DHCP ${reason}`);
  });

  it("refuses who may not boot, and says so", () => {
    const plan: Plan = { kind: "refused", why: "denied", reason: "denied" };
    const effects = ask(firmware.uefi, { plan });
    expect(sent(effects)).toEqual([]);
    expect(eventNames(effects)).toEqual(["dhcp-refused"]);
  });
});
