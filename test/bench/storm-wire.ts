import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { datagramsOf } from "../../src/capture/pcap-reader.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { decodePacket } from "../../src/dhcp/wire/packet.ts";
import { type StormSite, stormTarget } from "../support/storm-site.ts";

/*
 * DHCP answers as they are on the server's cable: the generator hears of an answer when it has the processor, which in a storm
 * is later.
 */

/** Ends it: milliseconds from each request to the server's answer, of those that it answered. */
export type EndOfCapture = () => Promise<readonly number[]>;

/** Needs tcpdump, which runs on the generator's core. */
export async function captureDhcp(site: StormSite): Promise<EndOfCapture> {
  const file = join(site.folder, "dhcp.pcap");
  const options = ["-Z", "root", "-U", "-B", "16384", "-i", "eth0", "-w", file];
  const filter = "udp port 67 or udp port 68 or udp port 4011";
  const on = ["-c", "1", "tcpdump", ...options, filter];
  const guest = site.net.spawn(site.serverHost, "taskset", ...on);
  await guest.said("listening on eth0");
  return async () => {
    await guest.stop("SIGINT");
    const waits = answerTimes(readFileSync(file));
    rmSync(file);
    return waits;
  };
}

/** By transaction and by what was asked: of a request that came more than once, from the first one. */
export function answerTimes(capture: Uint8Array): readonly number[] {
  const asked = new Map<string, number>();
  const waits: number[] = [];
  for (const { atMs, source, payload } of datagramsOf(capture)) {
    const { xid, options } = decodePacket(payload);
    const type = options.get(OptionCode.MESSAGE_TYPE)?.[0];
    const isAnswer = type === MessageType.OFFER || type === MessageType.ACK;
    const key = `${xid} ${type === MessageType.DISCOVER || type === MessageType.OFFER ? "offer" : "ack"}`;
    if (!isAnswer) {
      if (!asked.has(key)) asked.set(key, atMs);
      continue;
    }
    const since = asked.get(key);
    if (source.address !== stormTarget || since === undefined) continue;
    waits.push(atMs - since);
    asked.delete(key);
  }
  return waits;
}
