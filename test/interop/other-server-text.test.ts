import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../support/command.ts";
import { createNetns, type Guest, type Netns, netnsMissing } from "../support/netns.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * What `explain --other-server` prints is given to the real programs, which have to take it, and machines have to
 * boot by it: in mode off by what the other server says, in mode proxy by what we say beside it.
 */

const tools = ["dnsmasq", "dhcpd", "kea-dhcp4"];
const missing = reasonToSkip({ tools, root: true }) ?? netnsMissing();

/** A server: its configuration with what was pasted in, how it is checked, how it is run. */
interface Product {
  readonly text: (pasted: string, folder: string) => string;
  readonly check: (file: string) => readonly string[];
  readonly run: (file: string, folder: string) => readonly string[];
  readonly said: string;
}

const products: Readonly<Record<string, Product>> = {
  dnsmasq: {
    text: (pasted, folder) =>
      `port=0\nno-ping\ndhcp-range=10.9.1.100,10.9.1.150,10m\ndhcp-leasefile=${folder}/leases\n${pasted}`,
    check: (file) => ["dnsmasq", "--test", `--conf-file=${file}`],
    run: (file) => ["dnsmasq", "--no-daemon", "--user=root", `--conf-file=${file}`],
    said: "DHCP",
  },
  "isc-dhcp": {
    text: (pasted) =>
      `subnet 10.9.1.0 netmask 255.255.255.0 { range 10.9.1.100 10.9.1.150; }\n${pasted}`,
    check: (file) => ["dhcpd", "-t", "-cf", file],
    run: (file, folder) => {
      writeFileSync(`${folder}/leases`, "");
      const own = ["-lf", `${folder}/leases`, "-pf", `${folder}/pid`, "--no-pid"];
      return ["dhcpd", "-f", "-d", "-4", "-cf", file, ...own, "eth0"];
    },
    said: "Server starting",
  },
  kea: {
    text: (pasted, folder) =>
      `{ "Dhcp4": { "interfaces-config": { "interfaces": ["eth0"] },
      "lease-database": { "type": "memfile", "persist": false, "name": "${folder}/leases" },
      "loggers": [{ "name": "kea-dhcp4", "output_options": [{ "output": "stdout", "flush": true }], "severity": "INFO" }],
      "valid-lifetime": 600,
      "subnet4": [{ "id": 1, "subnet": "10.9.1.0/24", "pools": [{ "pool": "10.9.1.100-10.9.1.150" }] }]${
        pasted.includes('"client-classes"') ? "," : ""
      }\n${pasted} } }`,
    check: (file) => ["kea-dhcp4", "-t", file],
    run: (file) => ["kea-dhcp4", "-c", file],
    said: "DHCP4_STARTED",
  },
};

describe.skipIf(missing !== null)(
  `explain --other-server${missing === null ? "" : ` (${missing})`}`,
  () => {
    let program: Program;
    let files: ServedSite;
    beforeAll(async () => {
      [files, program] = await Promise.all([ServedSite.openMirrored(), Program.build()]);
      files.write("loaders/undionly.kpxe", Buffer.alloc(70_000, 1));
      mkdirSync("/run/kea", { recursive: true });
    });
    afterAll(async () => {
      await Promise.all([files.close(), program.remove()]);
    });

    /** A switch on our host, with the other server and a machine on it. */
    function lanOf(net: Netns) {
      const [host, far, machine] = [net.host("host"), net.host("far"), net.host("machine")];
      net.ip(host, "link", "add", "br0", "type", "bridge", "forward_delay", "0");
      net.ip(host, "addr", "add", "10.9.1.1/24", "brd", "+", "dev", "br0");
      net.ip(host, "link", "set", "br0", "up");
      for (const [other, device, address] of [
        [far, "v1", "10.9.1.2/24"],
        [machine, "v2", "10.9.1.3/24"],
      ] as const) {
        net.cable(
          { host, device, addresses: [] },
          { host: other, device: "eth0", addresses: [address] },
        );
        net.ip(host, "link", "set", device, "master", "br0");
      }
      return { host, far, machine };
    }

    async function serverOf(net: Netns, far: string, name: string, pasted: string): Promise<Guest> {
      const product = products[name];
      if (product === undefined) throw new Error(name);
      const file = files.path(`${far}/other.conf`);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, product.text(pasted, dirname(file)));
      const [check = "", ...words] = product.check(file);
      execFileSync(check, words, { stdio: "pipe" });
      const [command = "", ...rest] = product.run(file, dirname(file));
      const guest = net.spawn(
        far,
        "env",
        `KEA_PIDFILE_DIR=${dirname(file)}`,
        "KEA_LOCKFILE_DIR=none",
        command,
        ...rest,
      );
      await guest.said(product.said);
      return guest;
    }

    test.concurrent.each(
      Object.keys(products).flatMap((name) => [
        [name, "off"],
        [name, "proxy"],
      ]),
    )("%s, mode %s: the text is taken, and machines boot", async (name, mode) => {
      const net = createNetns();
      try {
        const { host, far, machine } = lanOf(net);
        const config = files.write(
          `${name}-${mode}.yaml`,
          `dataDir: ${name}-${mode}\ninterfaces: [{ name: br0, address: 10.9.1.1, dhcp: { mode: "${mode}" } }]\nartifacts: { loaderDirs: [loaders] }\n`,
        );
        execFileSync("cp", ["-r", files.path("data"), files.path(`${name}-${mode}`)]);
        const words = ["explain", "--config", config, "--other-server", name];
        const { code, out } = await program.run(words);
        expect(code).toBe(0);
        expect(out).toContain("10.9.1.1");
        await serverOf(net, far, name, out);
        const server = net.spawn(
          host,
          process.execPath,
          program.entry,
          "serve",
          "--config",
          config,
        );
        await server.said('"event":"listening"');
        for (const firmware of ["uefi", "bios", "uefi-http"]) {
          const asked = ["probe", "--interface", "eth0", "--firmware", firmware, "--json"];
          const probe = await net.spawn(machine, process.execPath, program.entry, ...asked).ended();
          expect(`${firmware}: ${probe.output}`).toContain('"wouldBoot":true');
        }
      } finally {
        await net.close();
      }
    });

    test("dhcpd takes what makes it leave the link to mode full", async () => {
      const config = files.write("full.yaml", "interfaces: [{ name: eth1, address: 10.9.1.1 }]\n");
      const words = ["explain", "--config", config, "--other-server", "isc-dhcp", "--mode", "full"];
      const { out } = await program.run(words);
      const file = files.write("full.conf", out);
      expect(execFileSync("dhcpd", ["-t", "-cf", file], { encoding: "utf8" })).toBeDefined();
      expect(readFileSync(file, "utf8")).toContain("subnet 10.9.1.0 netmask 255.255.255.0");
    });
  },
);
