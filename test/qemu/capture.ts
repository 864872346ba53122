import { run, startService } from "./process.ts";
import type { Segment } from "./network.ts";

/** Programs that recording and reading need. */
export const captureTools = ["tcpdump", "tshark"] as const;

/** A recording of all that passes a bridge. */
export interface Capture {
  readonly file: string;
  readonly stop: () => Promise<void>;
}

export async function startCapture(
  segment: Segment,
  bridge: string,
  file: string,
): Promise<Capture> {
  const tcpdump = startService({
    name: "tcpdump",
    // -Z root: otherwise it becomes a user who may not write into our folder.
    command: segment.inside("tcpdump", "-U", "-n", "-Z", "root", "-i", bridge, "-w", file),
    logFile: `${file}.log`,
  });
  const listening = (line: string) => (line.includes("listening on") ? true : null);
  await tcpdump.waitForLine("capture", listening, 10_000);
  return {
    file,
    stop: async () => {
      await tcpdump.stop();
    },
  };
}

/** A DHCP message as it was seen on the wire. */
export interface SeenMessage {
  readonly fromMac: string;
  readonly fromAddress: string;
  readonly toAddress: string;
  /** Of the machine that it is about. */
  readonly clientMac: string;
  /** The relay; `0.0.0.0` for none. */
  readonly giaddr: string;
  /** The address that the reply gives out; `0.0.0.0` for none. */
  readonly yiaddr: string;
  /** The server identifier, option 54. */
  readonly server: string;
  /** The boot file, from the header or option 67; empty for none. */
  readonly file: string;
}

/** Every DHCP reply (op 2) in a recording, of whichever server. */
export async function dhcpReplies(file: string): Promise<SeenMessage[]> {
  return dhcpMessages(file, 2);
}

/** Every DHCP request (op 1) in a recording. */
export async function dhcpRequests(file: string): Promise<SeenMessage[]> {
  return dhcpMessages(file, 1);
}

async function dhcpMessages(recording: string, op: 1 | 2): Promise<SeenMessage[]> {
  const fields = [
    "eth.src",
    "ip.src",
    "ip.dst",
    "dhcp.hw.mac_addr",
    "dhcp.ip.relay",
    "dhcp.ip.your",
    "dhcp.option.dhcp_server_id",
    "dhcp.file",
    "dhcp.option.bootfile_name",
  ];
  // The first of several: option 61 may have the hardware address, too.
  const form = ["-T", "fields", "-E", "occurrence=f"];
  const rows = await run([
    "tshark",
    ...["-n", "-r", recording, "-Y", `dhcp.type == ${op}`].concat(
      form,
      fields.flatMap((field) => ["-e", field]),
    ),
  ]);
  return rows
    .split("\n")
    .filter((row) => row !== "")
    .map((row) => {
      const [fromMac = "", fromAddress = "", toAddress = "", ...rest] = row.split("\t");
      const [clientMac = "", giaddr = "", yiaddr = "", server = "", name, option] = rest;
      const file = name === undefined || name === "" ? (option ?? "") : name;
      return { fromMac, fromAddress, toAddress, clientMac, giaddr, yiaddr, server, file };
    });
}
