import { cpSync, readFileSync, rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../support/command.ts";
import { createNetns, type Guest, type Netns, netnsMissing } from "../support/netns.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * `eim-pxe doctor` on hosts of its own: faults of ports, privileges, interfaces, firewalls, disks and of other
 * servers on the link, each made and then named. Those of the origin are in test/commands/doctor.test.ts.
 */

const tools = ["dnsmasq", "nft", "iptables", "setpriv", "mount"];
const missing = reasonToSkip({ tools, root: true }) ?? netnsMissing();

interface Line {
  readonly id: string;
  readonly status: string;
  readonly found: string;
  readonly remedy: string | null;
  readonly code: string | null;
}

interface Report {
  readonly exit: number | null;
  readonly checks: readonly Line[];
  readonly verdict?: { readonly sentence: string; readonly setting: string | null };
}

describe.skipIf(missing !== null)(`doctor${missing === null ? "" : ` (${missing})`}`, () => {
  let program: Program;
  let files: ServedSite;
  beforeAll(async () => {
    [files, program] = await Promise.all([ServedSite.openMirrored(), Program.build()]);
    files.write("loaders/undionly.kpxe", Buffer.alloc(70_000, 1));
  });
  afterAll(async () => {
    await Promise.all([files.close(), program.remove()]);
  });
  let written = 0;
  /** A configuration in the folder of the site, whose mirror is filled. */
  function configuration(dhcp: string, dataDir = "data", more = ""): string {
    return files.write(
      `doctor-${written++}.yaml`,
      `dataDir: ${dataDir}\ninterfaces: [{ name: eth1, dhcp: { ${dhcp} } }]\nartifacts: { loaderDirs: [loaders] }\n${more}`,
    );
  }

  async function read(guest: Guest): Promise<Report> {
    const { code, output } = await guest.ended();
    if (!output.includes('{"checks"')) throw new Error(`doctor ended with ${code}: ${output}`);
    const report: Omit<Report, "exit"> = JSON.parse(output.slice(output.indexOf('{"checks"')));
    return { ...report, exit: code };
  }

  const failed = ({ checks }: Report) => checks.filter(({ status }) => status === "fail");
  const range = "--dhcp-range=10.9.1.100,10.9.1.150,10m";

  /** A test with two hosts of its own on one cable: ours with eth1, and another with eth0. */
  function on(body: (lan: Lan) => Promise<void>): () => Promise<void> {
    return async () => {
      const net = createNetns();
      try {
        await body(lanOf(net));
      } finally {
        await net.close();
      }
    };
  }

  function lanOf(net: Netns) {
    const host = net.host("host");
    const far = net.host("far");
    net.cable(
      { host, device: "eth1", addresses: ["10.9.1.1/24"] },
      { host: far, device: "eth0", addresses: ["10.9.1.2/24"] },
    );
    const doctor = (...parts: readonly string[]): Promise<Report> =>
      read(net.spawn(host, process.execPath, program.entry, "doctor", "--json", ...parts));
    const dnsmasq = async (where: string, device: string, ...flags: readonly string[]) => {
      const own = ["--no-daemon", "--conf-file=/dev/null", "--port=0", `--interface=${device}`];
      const leases = `--dhcp-leasefile=${files.path(`leases-${where}`)}`;
      const guest = net.spawn(where, "dnsmasq", ...own, "--no-ping", leases, ...flags);
      await guest.said("DHCP");
      return guest;
    };
    const examine = (config: string) => doctor("--config", config);
    return { net, host, far, doctor, examine, dnsmasq };
  }
  type Lan = ReturnType<typeof lanOf>;

  test.concurrent(
    "all is well beside the site's DHCP server",
    on(async ({ far, examine, dnsmasq }) => {
      await dnsmasq(far, "eth0", range);
      const report = await examine(configuration("mode: proxy"));
      expect(failed(report)).toEqual([]);
      expect(report.exit).toBe(0);
      expect(report.checks.find(({ id }) => id === "other-servers")?.found).toMatch(
        /^10\.9\.1\.2 gives out addresses on eth1/,
      );
    }),
  );

  test.concurrent(
    "port 67 taken, by a program that is named; and another DHCP server in mode full",
    on(async ({ host, far, examine, dnsmasq }) => {
      await dnsmasq(host, "eth1", range);
      await dnsmasq(far, "eth0", range);
      const report = await examine(configuration("mode: full"));
      expect(report.exit).toBe(4);
      expect(failed(report)).toMatchObject([
        {
          id: "ports",
          code: "port-in-use",
          found: expect.stringMatching(/:67 on eth1.*it is dnsmasq/),
        },
        {
          id: "other-servers",
          code: "other-dhcp-server",
          found: expect.stringContaining("10.9.1.2"),
          remedy: expect.stringContaining("mode: proxy"),
        },
      ]);
    }),
  );

  test.concurrent(
    "no privilege",
    on(async ({ net, host }) => {
      const config = configuration("mode: proxy", "data");
      const words = ["--reuid=65534", "--regid=65534", "--clear-groups", process.execPath];
      const command = ["setpriv", ...words, program.entry, "doctor", "--json", "--config", config];
      // The folder of the program and of the site is root's alone.
      const open = [
        "/bin/sh",
        "-c",
        `chmod 755 ${files.folder} $(dirname ${program.entry})/..; exec ${command.join(" ")}`,
      ];
      const [shell = "", ...rest] = open;
      const report = await read(net.spawn(host, shell, ...rest));
      expect(report.exit).toBe(4);
      expect(failed(report)).toContainEqual(
        expect.objectContaining({
          id: "privileges",
          code: "port-privileged",
          remedy: expect.stringContaining("CAP_NET_BIND_SERVICE"),
        }),
      );
      expect(report.checks).toContainEqual(
        expect.objectContaining({ id: "firewall", status: "warn", code: "firewall-unread" }),
      );
    }),
  );

  test.concurrent(
    "the interface switched off, without carrier, without address, and absent",
    on(async ({ net, host, far, examine }) => {
      const config = configuration("mode: proxy");
      net.ip(far, "link", "set", "eth0", "down");
      expect(failed(await examine(config))).toMatchObject([{ code: "interface-no-carrier" }]);
      net.ip(far, "link", "set", "eth0", "up");
      net.ip(host, "link", "set", "eth1", "down");
      expect(failed(await examine(config))).toMatchObject([{ code: "interface-down" }]);
      net.ip(host, "link", "set", "eth1", "up");
      net.ip(host, "addr", "flush", "dev", "eth1");
      expect(failed(await examine(config))).toMatchObject([{ code: "interface-no-address" }]);
      net.ip(host, "link", "del", "eth1");
      const [line] = failed(await examine(config));
      expect(line).toMatchObject({ code: "interface-unknown" });
      expect(line?.found).toContain("eth1");
    }),
  );

  test.concurrent(
    "a PXE server that claims option 60, and one that also says what to boot",
    on(async ({ far, examine, dnsmasq }) => {
      const first = await dnsmasq(far, "eth0", range, "--dhcp-option-force=60,PXEClient");
      const report = await examine(configuration("mode: proxy"));
      expect(failed(report)).toMatchObject([
        { code: "unbeatable-server", remedy: expect.stringContaining("remove option 60") },
      ]);
      await first.stop();
      await dnsmasq(far, "eth0", range, "--dhcp-boot=other.efi,,10.9.1.2");
      const other = await examine(configuration("mode: proxy"));
      expect(other.checks).toContainEqual(
        expect.objectContaining({
          code: "other-pxe-server",
          status: "warn",
          found: expect.stringContaining("other.efi"),
        }),
      );
    }),
  );

  test.concurrent(
    "a firewall that drops UDP 67, by nft and by iptables",
    on(async ({ net, host, examine }) => {
      const config = configuration("mode: proxy");
      const run = (...words: readonly string[]) => {
        const [command = "", ...rest] = words;
        return net.spawn(host, command, ...rest).ended();
      };
      await run(
        "iptables",
        "-A",
        "INPUT",
        "-i",
        "eth1",
        "-p",
        "udp",
        "--dport",
        "67",
        "-j",
        "DROP",
      );
      const legacy = failed(await examine(config));
      expect(legacy).toMatchObject([{ id: "firewall", code: "firewall-drops" }]);
      expect(legacy[0]?.found).toMatch(/drops UDP 67 that comes in on eth1/);
      await run("iptables", "-F");
      await run("nft", "add table inet site");
      await run(
        "nft",
        "add chain inet site input { type filter hook input priority 0; policy drop; }",
      );
      await run("nft", "add rule inet site input tcp dport 8080 accept");
      const found = failed(await examine(config));
      expect(found.map(({ found: text }) => /UDP \d+/.exec(text)?.[0])).toEqual([
        "UDP 67",
        "UDP 4011",
        "UDP 69",
      ]);
      const deaf = (await examine(config)).checks.find(
        ({ code }) => code === "firewall-drops-answers",
      );
      expect(deaf).toMatchObject({ id: "firewall", status: "warn" });
      expect(deaf?.found).toMatch(/drops UDP 68 that comes in on eth1/);
      // What it says to do helps.
      for (const { remedy } of found) {
        const command = /let it in: (.*?);/.exec(remedy ?? "")?.[1] ?? "";
        expect(command).toMatch(/^nft insert rule inet site input /);
        await run("/bin/sh", "-c", command.replaceAll('"', '\\"'));
      }
      expect(failed(await examine(config))).toEqual([]);
    }),
  );

  test.concurrent(
    "a firewall that lets out nothing: nobody is told that the link has no DHCP server",
    on(async ({ net, host, far, doctor, examine, dnsmasq }) => {
      await dnsmasq(far, "eth0", range);
      const chain = "type filter hook output priority 0; policy drop;";
      const rules = `table inet site { chain output { ${chain} oifname lo accept; }; }`;
      await net.spawn(host, "nft", rules).ended();
      const link = await doctor("--interface", "eth1");
      expect(failed(link).map(({ code }) => code)).toEqual(Array(4).fill("request-not-sent"));
      expect(link.verdict?.sentence).toMatch(
        /^What machines find on eth1 cannot be told from here/,
      );
      const site = await examine(configuration("mode: proxy"));
      expect(site.checks.find(({ id }) => id === "other-servers")).toMatchObject({
        status: "warn",
        code: "link-not-asked",
        found: expect.stringContaining("EPERM"),
      });
      const output = files.path("proposed.yaml");
      const init = ["init", "--interface", "eth1", "--yes", "--output", output];
      await net.spawn(host, process.execPath, program.entry, ...init).ended();
      expect(readFileSync(output, "utf8")).toContain("mode: proxy");
    }),
  );

  test.concurrent(
    "a disk that is nearly full",
    on(async ({ net, host }) => {
      const config = configuration("mode: proxy", "full");
      const folder = files.path("full");
      const command = `mkdir -p ${folder} && mount -t tmpfs -o size=20m none ${folder} && exec ${process.execPath} ${program.entry} doctor --json --config ${config}`;
      const report = await read(net.spawn(host, "/bin/sh", "-c", command));
      rmSync(folder, { recursive: true, force: true });
      expect(failed(report).map(({ code }) => code)).toContain("disk-nearly-full");
    }),
  );

  test.concurrent(
    "with an interface alone: the client's port taken, and no interface",
    on(async ({ net, host, doctor }) => {
      const bind = 'dgram.createSocket("udp4").bind(68, "10.9.1.1", () => console.log("bound"))';
      const client = net.spawn(host, process.execPath, "-e", bind);
      await client.said("bound");
      const taken = await doctor("--interface", "eth1");
      await client.stop();
      expect(taken.exit).toBe(4);
      expect(failed(taken)).toMatchObject([
        { id: "ports", code: "port-in-use", found: expect.stringContaining("it is node") },
      ]);
      const absent = await doctor("--interface", "eth9");
      expect(absent.exit).toBe(4);
      expect(failed(absent)).toMatchObject([{ id: "interface", code: "interface-unknown" }]);
    }),
  );

  test.concurrent(
    "with an interface alone: a link on which nobody answers",
    on(async ({ doctor }) => {
      const report = await doctor("--interface", "eth1");
      expect(report.exit).toBe(4);
      expect(report.checks.map(({ id }) => id)).toEqual([
        "firmware-bios",
        "firmware-uefi",
        "firmware-uefi-http",
        "firmware-ipxe",
        "other-machines",
      ]);
      expect(failed(report).every(({ code }) => code === "no-server")).toBe(true);
      expect(report.verdict?.sentence).toContain("Nobody answers DHCP on eth1");
      expect(report.verdict?.setting).toContain('pools: ["10.9.1.100-10.9.1.199"]');
      // What is to be pasted is a configuration.
      const pasted = files.write("pasted.yaml", report.verdict?.setting ?? "");
      expect((await program.run(["check", "--config", pasted])).code).toBe(0);
    }),
  );

  test.concurrent(
    "with an interface alone: addresses and nothing to boot, and a machine that gets nowhere",
    on(async ({ net, far, doctor, dnsmasq }) => {
      await dnsmasq(far, "eth0", range);
      const machine = net.run(
        far,
        new URL("guests/lost-machine.ts", import.meta.url),
        "eth0",
        "10.9.1.2",
      );
      const report = await doctor("--interface", "eth1");
      await machine.stop();
      expect(report.verdict?.sentence).toContain("nobody says what to boot");
      expect(report.verdict?.setting).toContain("mode: proxy");
      expect(report.checks).toContainEqual(
        expect.objectContaining({
          id: "other-machines",
          code: "machine-takes-no-offer",
          found: expect.stringContaining("02:00:00:00:00:99 (x86-64 UEFI)"),
        }),
      );
    }),
  );

  test.concurrent(
    "with an interface alone: a site that boots",
    on(async ({ net, host, far, examine, dnsmasq }) => {
      await dnsmasq(far, "eth0", range);
      const second = net.host("second");
      net.ip(host, "addr", "flush", "dev", "eth1");
      net.ip(host, "link", "add", "br0", "type", "bridge", "forward_delay", "0");
      net.ip(host, "link", "set", "eth1", "master", "br0");
      net.ip(host, "link", "set", "br0", "up");
      net.ip(host, "addr", "add", "10.9.1.1/24", "brd", "+", "dev", "br0");
      net.cable(
        { host, device: "v2", addresses: [] },
        { host: second, device: "eth0", addresses: ["10.9.1.9/24"] },
      );
      net.ip(host, "link", "set", "v2", "master", "br0");
      cpSync(files.path("data"), files.path("served"), { recursive: true });
      const config = files.write(
        "boot.yaml",
        "dataDir: served\ninterfaces: [{ name: br0 }]\nartifacts: { loaderDirs: [loaders] }\n",
      );
      const server = net.spawn(host, process.execPath, program.entry, "serve", "--config", config);
      await server.said('"event":"listening"');
      const guest = net.spawn(
        second,
        process.execPath,
        program.entry,
        "doctor",
        "--interface",
        "eth0",
        "--json",
      );
      const report = await read(guest);
      expect(failed(report)).toEqual([]);
      expect(report.exit).toBe(0);
      expect(report.verdict?.sentence).toMatch(/^Machines of every kind would boot on eth0/);
      // And the server's own host says that the ports are its own.
      const own = await examine(config);
      expect(failed(own)).toEqual([]);
      expect(own.checks.find(({ id }) => id === "ports")?.found).toContain(
        "held by the eim-pxe that runs",
      );
    }),
  );
});
