import { describe, expect, test } from "vitest";
import { OfferStyleTable } from "../../../src/boot/offer-style.ts";
import type { Effect } from "../../../src/dhcp/handlers/effects.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { OfferTable } from "../../../src/dhcp/leases/offer-table.ts";
import { EffectRunner } from "../../../src/dhcp/server/effect-runner.ts";
import type { DhcpPacket } from "../../../src/dhcp/wire/packet.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { fullLink, packetWith } from "../../support/dhcp.ts";
import { Disk, macA } from "../../support/effect-site.ts";

/** A disk that finds out whether it takes a lease. */
class AskedDisk extends Disk {
  asked = 0;
  answer: (isWritable: boolean) => void = () => {};

  override isWritable(): Promise<boolean> {
    this.asked += 1;
    return new Promise((resolve) => {
      this.answer = resolve;
    });
  }
}

function site(disk: Disk | null) {
  const sent: DhcpPacket[] = [];
  const events: PxeEvent[] = [];
  const offers = new OfferTable();
  const runner = new EffectRunner({
    leases: new LeaseTable(),
    offers,
    offerStyles: new OfferStyleTable(),
    journal: disk,
    usedBy: null,
    emit: (event) => void events.push(event),
    clock: { now: () => 0, wall: () => 0 },
  });
  const request = {
    link: fullLink,
    mac: macA,
    send: (packet: DhcpPacket) => void sent.push(packet),
  };
  return { sent, events, offers, runner, request };
}

const packet = packetWith({});
const to = { address: "255.255.255.255", port: 68 };
const send: Effect = { kind: "send", packet, to };
const told: Effect = {
  kind: "event",
  event: { event: "system-dhcp", mac: macA, address: null, interface: "eth1" },
};
const offer: Effect = {
  kind: "offer",
  offer: {
    mac: macA,
    address: "192.168.77.100",
    network: fullLink.subnet,
    untilMs: 15_000,
    known: false,
  },
};

describe("an answer that waits for nothing", () => {
  test("has left by the time that the request was handed over, and there is nothing to wait for", () => {
    const { runner, request, sent, events } = site(new Disk());
    expect(runner.answer(request, () => [told, send, told])).toBeNull();
    expect([sent.length, events.length]).toEqual([1, 2]);
  });

  test("is an offer, too, where it is known that its lease could be written", () => {
    const { runner, request, sent } = site(new Disk());
    expect(runner.answer(request, () => [offer, send])).toBeNull();
    expect(sent).toHaveLength(1);
  });

  test("fails without an exception", () => {
    const { runner, request, events } = site(null);
    const answering = runner.answer(request, () => {
      throw new Error("a fault of ours");
    });
    expect(answering).toBeNull();
    expect(events).toMatchObject([{ event: "dhcp-failed", reason: "a fault of ours" }]);
  });
});

describe("an offer whose disk is asked first", () => {
  test("leaves when it says yes, and is asked once", async () => {
    const disk = new AskedDisk();
    const { runner, request, sent, events } = site(disk);
    const answering = runner.answer(request, () => [offer, send, told]);
    expect([sent.length, events.length]).toEqual([0, 0]);
    disk.answer(true);
    await answering;
    expect([sent.length, events.length, disk.asked]).toEqual([1, 1, 1]);
  });

  test("does not when it says no, and is withdrawn", async () => {
    const disk = new AskedDisk();
    const { runner, request, sent, offers } = site(disk);
    const answering = runner.answer(request, () => [offer, send, told]);
    disk.answer(false);
    await answering;
    expect([sent.length, disk.asked, offers.size]).toEqual([0, 1, 0]);
  });
});
