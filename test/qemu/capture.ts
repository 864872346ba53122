import { run, startService } from "./process.ts";
import type { LabNetwork } from "./network.ts";
import { wire } from "./network.ts";

/** Programs that recording and reading need. */
export const captureTools = ["tcpdump", "tshark"] as const;

/** A recording of all that passes the bridge. */
export interface Capture {
  readonly file: string;
  readonly stop: () => Promise<void>;
}

export async function startCapture(
  network: LabNetwork,
  file: string,
  logFile: string,
): Promise<Capture> {
  const tcpdump = startService({
    name: "tcpdump",
    // -Z root: otherwise it becomes a user who may not write into our folder.
    command: network.inside("tcpdump", "-U", "-n", "-Z", "root", "-i", wire.bridge, "-w", file),
    logFile,
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

/** A DHCP reply as it was seen on the wire. */
export interface SeenReply {
  readonly fromMac: string;
  readonly fromAddress: string;
  /** The address that the reply gives out; `0.0.0.0` for none. */
  readonly yiaddr: string;
  /** The server identifier, option 54. */
  readonly server: string;
}

/** Every DHCP reply (op 2) in a recording, of whichever server. */
export async function dhcpReplies(file: string): Promise<SeenReply[]> {
  const fields = ["eth.src", "ip.src", "dhcp.ip.your", "dhcp.option.dhcp_server_id"];
  const rows = await run([
    "tshark",
    ...["-n", "-r", file, "-Y", "dhcp.type == 2", "-T", "fields"].concat(
      fields.flatMap((field) => ["-e", field]),
    ),
  ]);
  return rows
    .split("\n")
    .filter((row) => row !== "")
    .map((row) => {
      const [fromMac = "", fromAddress = "", yiaddr = "", server = ""] = row.split("\t");
      return { fromMac, fromAddress, yiaddr, server };
    });
}
