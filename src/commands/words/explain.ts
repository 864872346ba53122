import { type Command, Option } from "commander";
import { type OtherServerKind, otherServerKinds } from "../../api/site.ts";
import { addConfigured, type CommandSite, wholeNumber } from "./common.ts";

interface ExplainFlags {
  readonly config?: string;
  readonly boot?: string;
  readonly code?: string;
  readonly pcap?: string;
  readonly architecture?: number;
  readonly json?: boolean;
  readonly interface?: string;
  readonly source?: string;
  readonly port: string;
  readonly otherServer?: OtherServerKind;
  readonly mode?: "proxy" | "full" | "off";
}

/** `explain`: what a packet would be answered, or what a code on a screen means. */
export function explainCommand(cli: Command, { program, finish }: CommandSite): void {
  const explain = addConfigured(
    cli,
    "explain",
    "what the server would answer to a DHCP packet, or to each of a capture, and why (sends nothing); or what a machine was given in a boot; or what a code on a screen means; or how to set up another DHCP server",
  );
  explain
    .argument("[hex]", "the packet, the UDP payload in hex; - reads it from standard input")
    .option("--interface <name>", "the interface it came in on (default: the first configured)")
    .option("--source <ip:port>", "where it came from (default: 0.0.0.0:68)")
    .addOption(
      new Option("--port <port>", "the port it came to").choices(["67", "4011"]).default("67"),
    )
    .option(
      "--boot <id>",
      "what the running server knows of this boot: every file that the machine was given, with its SHA-256; a MAC address stands for the machine's last boot",
    )
    .option("--code <code>", "what this code on a machine's screen means: PXE-E18, 040ee119")
    .option(
      "--architecture <number>",
      "with --code: the machine's DHCP option 93; 0 is BIOS",
      wholeNumber(0, 65535),
    )
    .option("--pcap <file>", "each DHCP request of this capture (pcap or pcapng), in its order")
    .addOption(
      new Option(
        "--other-server <product>",
        "what to remove from and to set in the site's own DHCP server, ready to paste",
      ).choices(otherServerKinds),
    )
    .addOption(
      new Option(
        "--mode <mode>",
        "with --other-server: as if the interface were in this mode (default: its own); off: the other server " +
          "says what to boot",
      ).choices(["proxy", "full", "off"]),
    )
    .option("--json", "with --boot, --code and --pcap: print the result as JSON")
    .action(async (hex: string | undefined, options: ExplainFlags) => {
      if (options.boot !== undefined) {
        const { explainBoot } = await import("../explain-boot.ts");
        const { config = null, boot, json = false } = options;
        finish(await explainBoot(program, { config, boot, json }));
        return;
      }
      if (options.code !== undefined) {
        const { explainCode } = await import("../explain-code.ts");
        const { code, architecture = null, json = false } = options;
        finish(explainCode(program, { code, architecture, json }));
        return;
      }
      if (options.otherServer !== undefined) {
        const { explainOtherServer } = await import("../explain-other-server.ts");
        const { config = null, interface: name = null, mode = null } = options;
        const server = options.otherServer;
        finish(explainOtherServer(program, { config, server, interface: name, mode }));
        return;
      }
      if (options.pcap !== undefined) {
        const { explainPcap } = await import("../explain-pcap.ts");
        const { pcap, json = false, interface: name = null } = options;
        finish(await explainPcap(program, options.config ?? null, { pcap, interface: name, json }));
        return;
      }
      if (hex === undefined) {
        throw explain.error(
          "error: name a packet in hex, a capture with --pcap, a boot with --boot, a code with --code, or a product with --other-server",
        );
      }
      const { explain: explainPacket } = await import("../explain.ts");
      const port = options.port === "4011" ? 4011 : 67;
      const { interface: name = null, source = null } = options;
      finish(
        await explainPacket(program, options.config ?? null, {
          interface: name,
          source,
          port,
          hex,
        }),
      );
    });
}
