import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { encodePacket } from "../../../src/tftp/wire/packet.ts";
import { FakeUdp } from "../../support/fake-udp.ts";
import { randomBytes, randomNumbers } from "../../support/random.ts";
import { TftpClient } from "../../support/tftp-client.ts";
import { TestServer } from "../../support/tftp-server.ts";

/* 3,000 requests in half a second, and more of them, from clients that never answer (field fault 46). */

const file = randomBytes(randomNumbers(8), 20_000);
const MAX_TRANSFERS = 1000;
const request = encodePacket({
  opcode: "rrq",
  filename: "ipxe.efi",
  mode: "octet",
  options: new Map(),
});

type AddressOf = (index: number) => string;
const oneAddress: AddressOf = () => "192.0.2.7";
const manyAddresses: AddressOf = (index) =>
  `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`;

let server: TestServer | null = null;
afterEach(() => server?.close());

async function flooded() {
  const udp = new FakeUdp();
  let nowMs = 0;
  const clock = { now: () => nowMs, wall: () => nowMs };
  const started = await TestServer.start({ "ipxe.efi": file }, { openUdp: udp.open, clock });
  server = started;
  const { endpoint } = started;
  let most = 0;
  /** Lets time pass, and the server do what it has to. */
  const pass = async (ms: number): Promise<void> => {
    nowMs += ms;
    for (let turns = 0; turns < 5; turns++) await turn();
  };
  /** Sends `count` requests, 60 every ten milliseconds, each from a port of its own. */
  const flood = async (count: number, addressOf: AddressOf): Promise<void> => {
    for (let index = 0; index < count; index++) {
      const forged = await udp.open({ address: addressOf(index), port: 0 });
      forged.send(request, endpoint);
      // Nobody hears the answers; that its port is closed is not known, as behind a firewall.
      queueMicrotask(() => void forged.close());
      if (index % 60 === 59) await pass(10);
      most = Math.max(most, udp.openPorts);
    }
  };
  /** How long a machine has to wait for its file, without asking twice. */
  const boot = async (address: string): Promise<number> => {
    const startMs = nowMs;
    const client = await TftpClient.open(udp.open, address);
    const fetched = await client.fetch(endpoint, "ipxe.efi", { blksize: 1468 });
    const waitMs = nowMs - startMs;
    expect(fetched).toEqual(file);
    await client.close();
    return waitMs;
  };
  return { udp, server: started, pass, flood, boot, most: () => most };
}

describe.each([
  ["one address", oneAddress],
  ["many addresses", manyAddresses],
])("field fault 46: a flood of requests from %s", (_, addressOf) => {
  it("keeps no machine from booting, while it lasts and afterwards", async () => {
    const { server: flooding, pass, flood, boot } = await flooded();
    const waits: Promise<number>[] = [];
    for (let part = 0; part < 3; part++) {
      await flood(1000, (index) => addressOf(part * 1000 + index));
      waits.push(boot(`192.168.77.${30 + part}`));
    }
    for (let tick = 0; tick < 10; tick++) await pass(10);
    for (const waitMs of await Promise.all(waits)) expect(waitMs).toBeLessThan(50);
    expect(flooding.eventNames.filter((name) => name === "loader-done").length).toBe(3);
  });

  it("takes no more sockets than there are transfers, and leaves none behind", async () => {
    const { udp, server: flooding, pass, flood, most } = await flooded();
    await flood(3000, addressOf);
    expect(most()).toBeLessThan(MAX_TRANSFERS + 100);
    await flooding.close();
    await pass(0);
    expect(udp.openPorts).toBe(0);
    expect(flooding.openBlobs).toBe(0);
  });
});
