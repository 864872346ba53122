import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { RogueServerWatch } from "../../../src/daemon/links/rogue-server-watch.ts";
import { OptionCode } from "../../../src/dhcp/wire/option-codes.ts";
import { type DhcpPacket, decodePacket, encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import { BindError, OtherServerError } from "../../../src/lib/errors.ts";
import { type Ip4, ip4ToBytes, subnetOf } from "../../../src/lib/ip4.ts";
import type { UdpEndpoint, UdpSocket } from "../../../src/net/udp.ts";
import type { Emit, PxeEvent } from "../../../src/events/types.ts";
import { shownEvents } from "../../support/shown-events.ts";

/** A socket on a link, on which another server may answer. */
class Port implements UdpSocket {
  readonly local: UdpEndpoint;
  readonly asked: DhcpPacket[] = [];
  #hear: (payload: Uint8Array, from: UdpEndpoint) => void = () => {};
  constructor(address: Ip4) {
    this.local = { address, port: 67 };
  }
  send(payload: Uint8Array): void {
    this.asked.push(decodePacket(payload));
  }
  onMessage(handler: (payload: Uint8Array, from: UdpEndpoint) => void): void {
    this.#hear = handler;
  }
  onError(): void {}
  close(): Promise<void> {
    return Promise.resolve();
  }
  offer(server: Ip4, yiaddr: Ip4): void {
    const [request] = this.asked;
    if (request === undefined) throw new Error("nothing was asked");
    const options = new Map([
      [OptionCode.MESSAGE_TYPE, Uint8Array.of(MessageType.OFFER)],
      [OptionCode.SERVER_IDENTIFIER, ip4ToBytes(server)],
    ]);
    const reply = encodePacket({ ...request, op: 2, yiaddr, options });
    this.#hear(reply, { address: server, port: 67 });
  }
}

const fullLink = (name: string, address: Ip4): Link => ({
  interface: name,
  address,
  subnet: subnetOf(address, 24),
  mode: "full",
  full: {
    pools: [],
    router: [],
    dns: [],
    ntp: [],
    logServers: [],
    domain: null,
    options: [],
    leaseSeconds: 3600,
    netbootLeaseSeconds: 3600,
    authoritative: true,
  },
  relayed: [],
});
const [eth1, eth2] = [fullLink("eth1", "10.0.1.1"), fullLink("eth2", "10.0.2.1")];

let emit: Emit;
/** What the log shows. */
let events: PxeEvent[];
let watch: RogueServerWatch;
beforeEach(() => {
  vi.useFakeTimers();
  ({ emit, shown: events } = shownEvents({ now: () => Date.now(), wall: () => Date.now() }));
  watch = watching(false);
});
afterEach(async () => {
  await watch.close();
  vi.useRealTimers();
});

function watching(allowOthers: boolean, stopping?: AbortSignal): RogueServerWatch {
  return new RogueServerWatch({
    openClientPort: ({ address }) => Promise.resolve(new Port(address)),
    allowOthers,
    emit,
    stopping,
  });
}

/** What it rejects with. */
const refusalOf = (admission: Promise<void>): Promise<unknown> =>
  admission.then(
    () => null,
    (error: unknown) => error,
  );

test("looks on two links at the same time, and admits the one that is alone", async () => {
  const [port1, port2] = [new Port(eth1.address), new Port(eth2.address)];
  const admitted: string[] = [];
  const first = watch.admit(eth1, port1).then(() => admitted.push("eth1"));
  const second = refusalOf(watch.admit(eth2, port2));
  await vi.advanceTimersByTimeAsync(100);
  expect(port1.asked.length).toBeGreaterThan(0);
  port2.offer("10.0.2.9", "10.0.2.50");
  const refusal = await second;
  expect(refusal).toBeInstanceOf(OtherServerError);
  expect(String(refusal)).toMatch(
    /another DHCP server answers: 10\.0\.2\.9 on eth2, which offered 10\.0\.2\.50\./,
  );
  await vi.advanceTimersByTimeAsync(2300);
  expect(admitted).toEqual([]);
  await vi.advanceTimersByTimeAsync(100);
  await first;
  expect(admitted).toEqual(["eth1"]);
  expect(events).toEqual([
    {
      event: "other-dhcp-server",
      interface: "eth2",
      server: "10.0.2.9",
      offered: "10.0.2.50",
    },
  ]);
});

test("admits nobody after half a look", async () => {
  const refusal = refusalOf(watch.admit(eth1, new Port(eth1.address)));
  await vi.advanceTimersByTimeAsync(1000);
  await watch.close();
  expect(await refusal).toBeInstanceOf(BindError);
  await expect(watch.admit(eth2, new Port(eth2.address))).rejects.toThrow(/eth2 was ended/);
  expect(vi.getTimerCount()).toBe(0);
});

test("ends its look when the server is to stop while it starts", async () => {
  await watch.close();
  const stopping = new AbortController();
  watch = watching(false, stopping.signal);
  const refusal = refusalOf(watch.admit(eth1, new Port(eth1.address)));
  await vi.advanceTimersByTimeAsync(100);
  stopping.abort();
  expect(await refusal).toBeInstanceOf(BindError);
});

test("tells once of a server beside which a link is tried again and again", async () => {
  for (let attempt = 0; attempt < 3; attempt++) {
    const port = new Port(eth1.address);
    const refusal = refusalOf(watch.admit(eth1, port));
    await vi.advanceTimersByTimeAsync(100);
    port.offer("10.0.1.9", "10.0.1.50");
    expect(await refusal).toBeInstanceOf(OtherServerError);
    watch.leave(eth1);
  }
  expect(events).toHaveLength(1);
});

test("waits for nothing where others are allowed, and tells of them", async () => {
  await watch.close();
  watch = watching(true);
  const port = new Port(eth1.address);
  await watch.admit(eth1, port);
  await vi.advanceTimersByTimeAsync(100);
  port.offer("10.0.1.9", "10.0.1.50");
  await vi.advanceTimersByTimeAsync(0);
  expect(events).toMatchObject([{ event: "other-dhcp-server", server: "10.0.1.9" }]);
});

test("tells of a server that it finds at each search once an hour, and of another one at once", async () => {
  await watch.close();
  watch = watching(true);
  const port = new Port(eth1.address);
  await watch.admit(eth1, port);
  const answered = async (server: Ip4): Promise<number> => {
    await vi.advanceTimersByTimeAsync(100);
    port.offer(server, "10.0.1.50");
    port.asked.splice(0);
    await vi.advanceTimersByTimeAsync(600_000 - 100);
    return events.length;
  };
  const counts: number[] = [];
  for (let search = 0; search < 7; search++) counts.push(await answered("10.0.1.9"));
  expect(counts).toEqual([1, 1, 1, 1, 1, 1, 2]);
  expect(await answered("10.0.1.8")).toBe(3);
});
