import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { bootRequest } from "../../src/pxe-client/wire/dhcp-requests.ts";
import { encodePacket } from "../../src/dhcp/wire/packet.ts";
import { readU32 } from "../../src/lib/bytes.ts";
import { openDgram } from "../../src/net/dgram.ts";

/*
 * Proxy offers by one server process, asked by another through sockets on loopback:
 *   npx tsx test/bench/proxy-offers.ts
 * First as many as it can with 64 requests under way, then 1,000 a second for latency. A request that is
 * not answered within a second counts as lost.
 */

const seconds = 5;
const underWay = 64;
const rate = 1000;
const lossMs = 1000;

interface Result {
  readonly sent: number;
  readonly answered: number;
  readonly elapsedMs: number;
  readonly latenciesMs: readonly number[];
}

class Load {
  readonly #sentAtMs = new Map<number, number>();
  readonly #latenciesMs: number[] = [];
  readonly #send: (payload: Uint8Array) => void;
  readonly #template: Uint8Array;
  #xid = 1;
  onAnswer: () => void = () => {};

  constructor(send: (payload: Uint8Array) => void) {
    this.#send = send;
    const machine = { mac: "02:00:00:00:00:01", uuid: "11223344-5566-7788-99aa-bbccddeeff00" };
    this.#template = encodePacket(
      bootRequest({ ...machine, firmware: "uefi" }, 0, "firmware", null),
    );
  }

  /** A DISCOVER of a machine of its own. */
  ask(): void {
    const payload = Uint8Array.from(this.#template);
    const view = new DataView(payload.buffer);
    view.setUint32(4, this.#xid);
    // The last four bytes of the hardware address.
    view.setUint32(30, this.#xid);
    this.#sentAtMs.set(this.#xid, performance.now());
    this.#xid += 1;
    this.#send(payload);
  }

  hear(payload: Uint8Array): void {
    const xid = readU32(payload, 4);
    const sentAtMs = this.#sentAtMs.get(xid);
    if (sentAtMs === undefined) return;
    this.#sentAtMs.delete(xid);
    this.#latenciesMs.push(performance.now() - sentAtMs);
    this.onAnswer();
  }

  take(elapsedMs: number): Result {
    const latenciesMs = this.#latenciesMs.splice(0).toSorted((a, b) => a - b);
    const answered = latenciesMs.length;
    const sent = answered + this.#sentAtMs.size;
    this.#sentAtMs.clear();
    return { sent, answered, elapsedMs, latenciesMs };
  }
}

async function saturate(load: Load): Promise<Result> {
  const startMs = performance.now();
  let open = true;
  load.onAnswer = () => {
    if (open) load.ask();
  };
  for (let i = 0; i < underWay; i++) load.ask();
  await sleep(seconds * 1000);
  open = false;
  const elapsedMs = performance.now() - startMs;
  await sleep(lossMs);
  return load.take(elapsedMs);
}

async function pace(load: Load): Promise<Result> {
  load.onAnswer = () => {};
  const startMs = performance.now();
  for (let sent = 0; sent < rate * seconds;) {
    const due = Math.min(rate * seconds, Math.floor(((performance.now() - startMs) / 1000) * rate));
    for (; sent < due; sent++) load.ask();
    await sleep(1);
  }
  const elapsedMs = performance.now() - startMs;
  await sleep(lossMs);
  return load.take(elapsedMs);
}

function percentile(result: Result, share: number): string {
  const at = Math.min(result.answered - 1, Math.floor(result.answered * share));
  return `${(result.latenciesMs[at] ?? Number.NaN).toFixed(2)} ms`;
}

const guest = spawn(process.execPath, ["--import", "tsx", "test/bench/guests/proxy-server.ts"], {
  stdio: ["pipe", "pipe", "inherit"],
});
const lines = createInterface({ input: guest.stdout })[Symbol.asyncIterator]();
const port = Number((await lines.next()).value);
const socket = await openDgram({ address: "127.0.0.1", port: 0 });
const load = new Load((payload) => socket.send(payload, { address: "127.0.0.1", port }));
socket.onMessage((payload) => load.hear(payload));

// What runs for the first time is compiled first.
await pace(load);
const most = await saturate(load);
const paced = await pace(load);
guest.stdin.end();
const usage: { userCPUTime: number; systemCPUTime: number; maxRSS: number } = JSON.parse(
  String((await lines.next()).value),
);
await once(guest, "exit");
await socket.close();

const perSecond = Math.round((most.answered / most.elapsedMs) * 1000);
const lost = (result: Result) => `${result.sent - result.answered} of ${result.sent} lost`;
process.stdout.write(
  [
    `most: ${perSecond} offers a second with ${underWay} under way, ${lost(most)}, p99 ${percentile(most, 0.99)}`,
    `${rate} a second: p50 ${percentile(paced, 0.5)}, p99 ${percentile(paced, 0.99)}, ${lost(paced)}`,
    `server: ${((usage.userCPUTime + usage.systemCPUTime) / 1e6).toFixed(1)} s CPU in all, ${Math.round(usage.maxRSS / 1024)} MiB`,
    "",
  ].join("\n"),
);
