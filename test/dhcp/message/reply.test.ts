import { describe, expect, it } from "vitest";
import type { Plan } from "../../../src/boot/policy.ts";
import { type DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import {
  startReply,
  withBootFile,
  withClientAddress,
  withNetboot,
  withOption,
} from "../../../src/dhcp/message/reply.ts";
import { readIpxeOptions } from "../../../src/dhcp/wire/vendor-options.ts";
import { fromText, toHex } from "../../../src/lib/bytes.ts";
import {
  clientMac,
  firmware,
  fullLink,
  message,
  type Options,
  ourAddress,
  planFor,
  requestWith,
} from "../../support/dhcp.ts";

/** The netboot part of mode full's offer. */
function offered(options: Options, plan: Plan | null = null): DhcpPacket {
  const request = requestWith(message(options));
  const reply = startReply(request, MessageType.OFFER);
  return withNetboot(reply, request, plan ?? planFor(request), fullLink);
}

function codes(packet: DhcpPacket): readonly number[] {
  return [...packet.options.keys()].toSorted((a, b) => a - b);
}

describe("an empty reply", () => {
  const options = {
    ...message(firmware.uefi),
    61: Uint8Array.of(1, 2),
    82: Uint8Array.of(1, 1, 7),
  };
  const header = { giaddr: "10.0.0.1", flags: 0x8001, hops: 3, secs: 9, ciaddr: "10.0.0.7" };
  const request = requestWith(options, header);
  const reply = startReply(request, MessageType.ACK);

  it("copies what belongs to the client and the relay agent, and nothing else", () => {
    expect(reply).toMatchObject({
      op: 2,
      htype: 1,
      hops: 0,
      xid: 0x11223344,
      secs: 0,
      flags: 0x8001,
      ciaddr: "0.0.0.0",
      giaddr: "10.0.0.1",
      chaddr: request.packet.chaddr,
      sname: "",
      file: "",
    });
    expect(codes(reply)).toEqual([53, 61, 82]);
  });

  it("repeats ciaddr by a step of its own", () => {
    expect(withClientAddress(reply, request).ciaddr).toBe("10.0.0.7");
  });

  it("is not changed by the steps that follow", () => {
    withBootFile(withOption(reply, 66, fromText("x")), "ipxe.efi");
    expect(codes(reply)).toEqual([53, 61, 82]);
    expect(reply.file).toBe("");
  });

  it("takes no option of zero length", () => {
    expect(codes(withOption(reply, 15, new Uint8Array()))).toEqual([53, 61, 82]);
  });
});

describe("a boot file's name that is not ASCII", () => {
  it("is UTF-8 in file and in option 67", () => {
    const request = requestWith(message(firmware.uefi));
    const reply = withBootFile(startReply(request, MessageType.OFFER), "ä.efi");
    expect(toHex(Uint8Array.from(reply.file, (one) => one.charCodeAt(0)))).toBe("c3a42e656669");
    expect(reply.options.get(67)).toEqual(fromText("ä.efi\0"));
  });

  it("is measured in bytes", () => {
    const request = requestWith(message(firmware.uefi));
    const reply = withBootFile(startReply(request, MessageType.OFFER), "ä".repeat(64));
    expect(reply.file).toBe("");
  });
});

describe("mode full's boot information", () => {
  it("to PXE firmware has no option 60 and no sname", () => {
    const offer = offered(firmware.uefi);
    expect(codes(offer)).toEqual([43, 53, 66, 67, 97]);
    expect(offer).toMatchObject({ siaddr: ourAddress, sname: "", file: "ipxe.efi" });
    expect(toHex(offer.options.get(43) ?? new Uint8Array())).toBe("060108ff");
  });

  it("to UEFI HTTP firmware says HTTPClient", () => {
    const offer = offered(firmware.uefiHttp);
    expect(codes(offer)).toEqual([43, 53, 60, 66, 67, 97]);
    expect(offer.options.get(60)).toEqual(fromText("HTTPClient"));
    expect(offer.file).toBe(`http://192.168.77.1:8080/${clientMac}/ipxe.efi`);
  });

  it("to iPXE says not to wait for a proxy", () => {
    const offer = offered(firmware.ipxe);
    const value = offer.options.get(175) ?? new Uint8Array();
    expect(readIpxeOptions(value).noPxeDhcp).toBe(true);
    expect(offer.file).toBe(`http://192.168.77.1:8080/${clientMac}/boot.ipxe`);
    expect(offer.options.has(60)).toBe(false);
  });

  it("to firmware that is not iPXE has no option 175", () => {
    expect(offered(firmware.uefi).options.has(175)).toBe(false);
  });

  it("to an operating system is our address as next server, no more", () => {
    const offer = offered(firmware.operatingSystem);
    expect(offer).toMatchObject({ siaddr: ourAddress, file: "", sname: "" });
    expect(codes(offer)).toEqual([53, 61]);
  });

  it.each<[string, Options, Plan | null]>([
    [
      "a machine that may not boot",
      firmware.uefi,
      { kind: "refused", why: "denied", reason: "denied" },
    ],
    ["a machine of an unknown architecture", firmware.unknown, null],
  ])("to %s is none", (_, options, plan) => {
    const offer = offered(options, plan);
    expect(offer).toMatchObject({ siaddr: "0.0.0.0", file: "", sname: "" });
    expect(codes(offer)).toEqual([53]);
  });
});
