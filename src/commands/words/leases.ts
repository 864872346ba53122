import { type Command, Option } from "commander";
import type { ImportFormat } from "../leases.ts";
import { addReport, type CommandSite, reportOptions, type ReportFlags } from "./common.ts";

/** `leases`, which lists, and its subcommands. */
export function leasesCommands(cli: Command, { program, finish }: CommandSite): void {
  const leases = cli.command("leases").description("the addresses that mode full has leased");
  addReport(leases, "list", "leases in force, and how full the pools are", {
    isDefault: true,
  }).action(async (options: ReportFlags) => {
    const { listLeases } = await import("../leases.ts");
    finish(await listLeases(program, reportOptions(options)));
  });
  addReport(leases, "release", "free an address, whichever machine has it, or end its quarantine")
    .argument("<address>", "the address")
    .action(async (address: string, options: ReportFlags) => {
      const { releaseLease } = await import("../leases.ts");
      finish(await releaseLease(program, address, reportOptions(options)));
    });
  addReport(leases, "import", "import the leases of another DHCP server, or of a journal")
    .argument(
      "<file>",
      "its lease file: dhcpd.leases, dnsmasq.leases, kea-leases4.csv, or leases.journal",
    )
    .addOption(
      new Option("--format <format>", "what wrote it (default: by its content)").choices([
        "isc",
        "dnsmasq",
        "kea",
        "journal",
      ]),
    )
    .action(async (file: string, options: ReportFlags & { format?: ImportFormat }) => {
      const { importLeases } = await import("../leases.ts");
      const { format = null } = options;
      finish(await importLeases(program, file, { ...reportOptions(options), format }));
    });

  addReport(leases, "pin", "reserve an address for the machine that has leased it")
    .argument("<address>", "the address")
    .option("--name <name>", "what to call the machine from now on (option 12)")
    .action(async (address: string, options: ReportFlags & { name?: string }) => {
      const { pinLease } = await import("../lease-pins.ts");
      const { name = null } = options;
      finish(await pinLease(program, address, { ...reportOptions(options), name }));
    });
  addReport(leases, "unpin", "give up what leases pin reserved for a machine")
    .argument("<mac>", "the machine's hardware address")
    .action(async (mac: string, options: ReportFlags) => {
      const { unpinLease } = await import("../lease-pins.ts");
      finish(await unpinLease(program, mac, reportOptions(options)));
    });
}
