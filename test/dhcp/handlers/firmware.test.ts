import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { handleBootServer } from "../../../src/dhcp/handlers/boot-server.ts";
import type { Effect } from "../../../src/dhcp/handlers/effects.ts";
import type { Link } from "../../../src/dhcp/link.ts";
import { handleFull } from "../../../src/dhcp/handlers/full.ts";
import { LeaseTable } from "../../../src/dhcp/leases/lease-table.ts";
import { decodePacket, encodePacket } from "../../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../../src/dhcp/wire/message-type.ts";
import { handleProxy } from "../../../src/dhcp/handlers/proxy.ts";
import { startReply } from "../../../src/dhcp/message/reply.ts";
import { OfferTable } from "../../../src/dhcp/leases/offer-table.ts";
import { type DhcpRequest, readRequest, type Source } from "../../../src/dhcp/message/request.ts";
import { DecodeError } from "../../../src/lib/errors.ts";
import {
  firmwareRequests,
  fullLink,
  ourAddress,
  planFor,
  proxyLink,
  sent,
} from "../../support/dhcp.ts";
import { type Datagram, readPcap, writePcap } from "../../support/pcap.ts";
import { mutated, randomNumbers } from "../../support/random.ts";
import { reasonToSkip } from "../../support/tools.ts";
import { cases } from "../../support/cases.ts";

/** The captured requests; the server that they choose has our address. */
const firmwareDatagrams = firmwareRequests();
const requests = firmwareDatagrams.map(({ payload, source }) =>
  readRequest(decodePacket(payload), source),
);

const client = "192.168.77.50";
const none = new Uint8Array();

function readable(bytes: Uint8Array, source: Source): DhcpRequest | null {
  try {
    return readRequest(decodePacket(bytes), source);
  } catch (error) {
    if (error instanceof DecodeError) return null;
    throw error;
  }
}

/** What is asked of port 4011: the same client, with an address, by unicast. */
function toBootServer(request: DhcpRequest): DhcpRequest {
  const { packet } = request;
  const options = new Map(packet.options).set(53, Uint8Array.of(MessageType.REQUEST));
  options.delete(50);
  options.delete(54);
  const port = request.client.ipxe ? 68 : 4011;
  return readRequest({ ...packet, ciaddr: client, options }, { address: client, port });
}

/** Mode full with nothing leased yet. */
function inModeFull(request: DhcpRequest): readonly Effect[] {
  const state = { leases: new LeaseTable(), offers: new OfferTable(), reservedFor: () => null };
  return handleFull(request, planFor(request), fullLink, null, state, 0);
}

interface Way {
  readonly name: string;
  readonly port: number;
  readonly asked: readonly DhcpRequest[];
  readonly handle: (request: DhcpRequest) => readonly Effect[];
}

const ways: readonly Way[] = [
  {
    name: "in mode proxy",
    port: 67,
    asked: requests,
    handle: (request) => handleProxy(request, planFor(request), proxyLink),
  },
  {
    name: "in mode full",
    port: 67,
    asked: requests,
    handle: inModeFull,
  },
  {
    name: "on port 4011",
    port: 4011,
    asked: requests.map(toBootServer).filter((request) => request.client.transport === "pxe"),
    handle: (request) => handleBootServer(request, planFor(request), proxyLink),
  },
];

function answersOf({ asked, handle, port }: Way): readonly Datagram[] {
  return asked.flatMap((request) =>
    sent(handle(request)).map(({ packet, to }) => ({
      source: { address: ourAddress, port },
      destination: to,
      payload: encodePacket(packet),
    })),
  );
}

describe.each(ways)("the answers to real firmware, asked $name", (way) => {
  const answers = answersOf(way);

  it("are one for each request", () => {
    expect(answers).toHaveLength(way.asked.length);
    expect(answers.length).toBeGreaterThan(10);
  });

  it("have at least 300 bytes and at most 1472, which is all that EDK2 takes", () => {
    const sizes = answers.map(({ payload }) => payload.length);
    expect(Math.min(...sizes)).toBeGreaterThanOrEqual(300);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(1472);
  });

  it("are for the same transaction and machine, with a boot file and nothing of zero length", () => {
    const packets = answers.map(({ payload }) => decodePacket(payload));
    expect(packets.map(({ op, xid, chaddr }) => ({ op, xid, chaddr }))).toEqual(
      way.asked.map(({ packet }) => ({ op: 2, xid: packet.xid, chaddr: packet.chaddr })),
    );
    expect(packets.every(({ file, siaddr }) => file !== "" && siaddr === ourAddress)).toBe(true);
    const lengths = packets.flatMap(({ options }) => [...options.values()].map((v) => v.length));
    expect(Math.min(...lengths)).toBeGreaterThan(0);
  });

  it("go to where the firmware listens", () => {
    const destinations = new Set(answers.map(({ destination: to }) => `${to.address}:${to.port}`));
    expect([...destinations].toSorted()).toEqual(
      way.port === 67 ? ["255.255.255.255:68"] : [`${client}:4011`, `${client}:68`],
    );
  });
});

describe("the requests of real firmware for the site's own server", () => {
  it("are not acknowledged, but tell whose address it is", () => {
    const link: Link = { ...proxyLink, address: "192.168.77.2" };
    const selecting = requests.filter(({ serverId }) => serverId !== null);
    expect(selecting.length).toBeGreaterThan(5);
    for (const request of selecting) {
      const effects = handleProxy(request, planFor(request), link);
      expect(effects).toEqual([
        {
          kind: "event",
          event: {
            event: "address-learned",
            mac: request.mac,
            address: request.requestedAddress,
            interface: "eth1",
          },
        },
        { kind: "ignore", reason: "addressed to another server" },
      ]);
    }
  });
});

describe("what is left of real requests after damage", () => {
  it("is answered or ignored, and no answer is more than 300 bytes longer than the request", () => {
    const seed = Date.now() >>> 0;
    const random = randomNumbers(seed);
    const sources = [
      { address: "0.0.0.0", port: 68 },
      { address: client, port: 4011 },
    ];
    let answered = 0;
    for (let i = 0; i < cases(5000); i++) {
      const { payload } = firmwareDatagrams[i % firmwareDatagrams.length] ?? { payload: none };
      const request = readable(
        mutated(payload, random),
        sources[i % 2] ?? { address: "", port: 0 },
      );
      if (request === null) continue;
      const effects = ways.flatMap(({ handle }) => handle(request));
      for (const { packet } of sent(effects)) {
        const bytes = encodePacket(packet);
        if (bytes.length > Math.max(payload.length, 300) + 300) throw new Error(`seed ${seed}`);
        answered += 1;
      }
    }
    expect(answered, `with seed ${seed}`).toBeGreaterThan(100);
  });
});

describe("captures", () => {
  it("are read as they were written", () => {
    const datagrams = firmwareRequests();
    expect(readPcap(writePcap(datagrams))).toEqual(datagrams);
  });
});

const complaint = /malformed|expert info|truncated|invalid|incorrect|unreassembled/i;
const noTshark = reasonToSkip({ tools: ["tshark"] });

describe.skipIf(noTshark !== null)(`tshark${noTshark === null ? "" : ` (${noTshark})`}`, () => {
  let folder = "";
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "eim-pxe-"));
  });
  afterAll(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  function tshark(datagrams: readonly Datagram[], ...options: readonly string[]): string {
    const capture = join(folder, "answers.pcap");
    writeFileSync(capture, writePcap(datagrams));
    const checks = ["-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"];
    const reading = ["-n", "-r", capture, "-d", "udp.port==4011,dhcp", ...checks];
    return execFileSync("tshark", [...reading, ...options], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
      env: { PATH: process.env["PATH"], HOME: folder, LC_ALL: "C" },
    });
  }

  it.each(ways)("reads all that is answered when asked $name, without a complaint", (way) => {
    const answers = answersOf(way);
    const text = tshark(answers, "-V");
    expect(text.match(/^Dynamic Host Configuration Protocol \(/gm)).toHaveLength(answers.length);
    expect(text).not.toMatch(complaint);
  });

  it("would complain about a reply that is wrong", () => {
    const [request] = requests;
    if (request === undefined) throw new Error("there are no requests");
    const start = startReply(request, MessageType.OFFER);
    const wrong = { ...start, options: new Map(start.options).set(54, Uint8Array.of(192, 168)) };
    const source = { address: ourAddress, port: 67 };
    const destination = { address: "255.255.255.255", port: 68 };
    const answers = [{ source, destination, payload: encodePacket(wrong) }];
    expect(tshark(answers, "-V")).toMatch(complaint);
  });

  it("finds in them what we meant", () => {
    const [way] = ways;
    const answers = way === undefined ? [] : answersOf(way);
    const fields = ["dhcp.option.dhcp", "dhcp.option.vendor_class_id", "dhcp.file"];
    const lines = tshark(answers, "-T", "fields", ...fields.flatMap((name) => ["-e", name]));
    const expected = answers.map(({ payload }) => {
      const { options, file } = decodePacket(payload);
      const http = options.get(60)?.[0] === 0x48;
      return [options.get(53)?.[0], http ? "HTTPClient" : "PXEClient", file].join("\t");
    });
    expect(lines.trimEnd().split("\n")).toEqual(expected);
  });
});
