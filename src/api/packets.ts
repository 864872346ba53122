import { z } from "zod";
import { moment } from "./values.ts";

const option = z.object({
  code: z.int(),
  name: z.string().describe("as the RFC calls it"),
  value: z.string().describe("what it says, as printable text"),
  hex: z.string(),
});

const address = z.string().describe("an IPv4 address");

const dhcpPacket = z.object({
  op: z.int().describe("1: the machine's, 2: a server's"),
  htype: z.int(),
  hops: z.int(),
  xid: z.string().describe("eight hex digits"),
  secs: z.int(),
  flags: z.string().describe("four hex digits"),
  ciaddr: address,
  yiaddr: address,
  siaddr: address,
  giaddr: address,
  chaddr: z.string(),
  sname: z.string(),
  file: z.string(),
  options: z.array(option).readonly().describe("in the order of their codes"),
});

/** A packet from or to a machine, decoded. */
export const packet = z.object({
  at: moment,
  afterMs: z.int().describe("milliseconds from the start of the boot"),
  source: z.string().describe("IP:PORT"),
  destination: z.string().describe("IP:PORT"),
  protocol: z.enum(["dhcp", "tftp"]),
  summary: z.string().describe("what it is in one line: DHCPDISCOVER, RRQ ipxe.efi blksize=1468"),
  packet: dhcpPacket.nullable().describe("null for TFTP, and for what is damaged"),
});
export type PacketReply = z.output<typeof packet>;

export const captureQuery = z.object({
  redact: z
    .enum(["true", "false"])
    .transform((text) => text === "true")
    .default(false)
    .describe("without addresses, serial numbers and hardware addresses of other machines"),
});

/** A capture file (pcap). */
export const captureReply = z
  .unknown()
  .meta({ type: "string", format: "binary", description: "application/vnd.tcpdump.pcap" });
