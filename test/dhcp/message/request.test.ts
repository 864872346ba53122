import { describe, expect, it } from "vitest";
import { decodePacket } from "../../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { readRequest } from "../../../src/dhcp/message/request.ts";
import { DecodeError } from "../../../src/lib/errors.ts";
import {
  clientMac,
  firmware,
  firmwareRequests,
  fromNowhere,
  message,
  requestWith,
  selecting,
} from "../../support/dhcp.ts";
import { mutated, randomNumbers } from "../../support/random.ts";
import { cases } from "../../support/cases.ts";

describe("reading a request", () => {
  it("takes out what a server looks at", () => {
    const options = selecting(firmware.uefi, "192.168.77.9", "192.168.77.50");
    const request = requestWith({
      ...options,
      55: Uint8Array.of(1, 3, 6, 67),
      61: Uint8Array.of(1, 8, 0, 39, 41, 78, 103),
      82: Uint8Array.of(1, 1, 7),
    });
    expect(request).toMatchObject({
      messageType: MessageType.REQUEST,
      mac: clientMac,
      serverId: "192.168.77.9",
      requestedAddress: "192.168.77.50",
      parameterRequestList: [1, 3, 6, 67],
      clientId: Uint8Array.of(1, 8, 0, 39, 41, 78, 103),
      relayInformation: Uint8Array.of(1, 1, 7),
      source: fromNowhere,
      client: { transport: "pxe", architectures: [7] },
    });
  });

  it("reads what is absent as none", () => {
    expect(requestWith({})).toMatchObject({
      messageType: 0,
      serverId: null,
      requestedAddress: null,
      clientId: null,
      parameterRequestList: [],
      relayInformation: null,
      client: { transport: null },
    });
  });

  it("reads what is empty or of a wrong length as none", () => {
    const request = requestWith({
      53: Uint8Array.of(1, 1),
      54: Uint8Array.of(192, 168, 77),
      50: new Uint8Array(4),
      61: new Uint8Array(),
      82: new Uint8Array(),
    });
    expect(request).toMatchObject({
      messageType: 0,
      serverId: null,
      requestedAddress: null,
      clientId: null,
      relayInformation: null,
    });
  });

  it("knows each real firmware for what it is", () => {
    const seen = firmwareRequests().map(({ payload, source }) => {
      const { client } = readRequest(decodePacket(payload), source);
      return `${client.transport} ${client.architectures.join()} ${client.ipxe ? "iPXE" : "EDK2"}`;
    });
    expect([...new Set(seen)]).toEqual([
      "pxe 0 iPXE",
      "pxe 7 EDK2",
      "pxe 7 iPXE",
      "pxe 11 EDK2",
      "http 16 EDK2",
    ]);
  });

  it("never throws on a packet that decodes", () => {
    const seed = Date.now() >>> 0;
    const random = randomNumbers(seed);
    const real = firmwareRequests().map(({ payload }) => payload);
    let read = 0;
    for (let i = 0; i < cases(10_000); i++) {
      try {
        const packet = decodePacket(mutated(real[i % real.length] ?? new Uint8Array(), random));
        readRequest(packet, fromNowhere);
        read += 1;
      } catch (error) {
        if (!(error instanceof DecodeError)) throw error;
      }
    }
    expect(read, `with seed ${seed}`).toBeGreaterThan(100);
  });

  it("takes a UDP source that has an address", () => {
    const source = { address: "192.168.77.50", port: 4011 };
    expect(requestWith(message(firmware.uefi), {}, source).source).toEqual(source);
  });
});
