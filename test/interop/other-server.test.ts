import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { createNetns, type Guest, type Netns, netnsMissing } from "../support/netns.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * Mode full beside another DHCP server, which is dnsmasq: on one switch are our host, the site's server and
 * two machines.
 */

const missing = reasonToSkip({ tools: ["busybox", "dnsmasq"], root: true }) ?? netnsMissing();
const program = new URL("../../src/cli.ts", import.meta.url);
const [macA, macB] = ["52:54:00:00:00:0a", "52:54:00:00:00:0b"];

let net: Netns;
let folder = "";
let ours = "";
beforeEach(() => {
  net = createNetns();
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-other-"));
  ours = net.host("ours");
  net.ip(ours, "link", "add", "br0", "type", "bridge", "forward_delay", "0");
  net.ip(ours, "addr", "add", "10.8.1.1/24", "brd", "+", "dev", "br0");
  net.ip(ours, "link", "set", "br0", "up");
});
afterEach(async () => {
  await net.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A host on the switch, with a device eth0. */
function host(role: string, port: string, mac: string, addresses: readonly string[]): string {
  const far = net.host(role);
  net.cable({ host: ours, device: port, addresses: [] }, { host: far, device: "eth0", addresses });
  net.ip(far, "link", "set", "eth0", "address", mac);
  net.ip(ours, "link", "set", port, "master", "br0");
  return far;
}

function serve(dhcp: string, link: string): Guest {
  const config = join(folder, "eim-pxe.yaml");
  const nodes = join(folder, "nodes.yaml");
  writeFileSync(nodes, `- { mac: "${macA}", address: 10.8.1.50 }\n`);
  const text = [
    `dataDir: ${join(folder, "data")}`,
    `interfaces: [{ name: br0, dhcp: { mode: full${link} } }]`,
    `dhcp: { ${dhcp} }`,
    `nodes: { file: ${nodes} }`,
  ];
  writeFileSync(config, `${text.join("\n")}\n`);
  return net.run(ours, program, "serve", "--config", config);
}

/** The site's server; it leaves the first machine to us. */
async function dnsmasq(): Promise<Guest> {
  const site = host("site", "v1", "52:54:00:00:00:02", ["10.8.1.2/24"]);
  const options = ["-k", "-C", "/dev/null", "--log-facility=-", "--user=root", "--port=0"];
  const range = ["--dhcp-range=10.8.1.200,10.8.1.220", `--dhcp-host=${macA},ignore`];
  const files = [`--dhcp-leasefile=${join(folder, "dnsmasq.leases")}`, "--pid-file="];
  const guest = net.spawn(site, "dnsmasq", ...options, ...range, ...files);
  await guest.said("DHCP, IP range");
  return guest;
}

async function until(guest: Guest, event: string): Promise<Record<string, unknown>> {
  for (;;) {
    const told: Record<string, unknown> = Object(await guest.next());
    if (told["event"] === event) return told;
  }
}

/** A machine on the switch takes an address; what its client said. */
async function lease(role: string, port: string, mac: string): Promise<string> {
  const far = host(role, port, mac, []);
  const client = net.spawn(far, "busybox", "udhcpc", "-f", "-q", "-i", "eth0", "-s", "/bin/true");
  return (await client.ended()).output;
}

describe.skipIf(missing !== null)(
  `mode full beside dnsmasq${missing ? ` (${missing})` : ""}`,
  () => {
    test("does not start, and names the other server and what to do", async () => {
      await dnsmasq();
      const { code, output } = await serve("", ", pools: [10.8.1.100-10.8.1.110]").ended();
      expect(code).toBe(1);
      expect(output).toMatch(
        /another DHCP server answers: 10\.8\.1\.2 on br0, which offered 10\.8\.1\.2[0-2][0-9]/,
      );
      expect(output).toContain("dhcp.allowOtherServers: true");
      expect(output).not.toContain('"event":"listening"');
    });

    test("does not start either where a client of this host holds port 68", async () => {
      await dnsmasq();
      const holder = net.spawn(ours, "busybox", "nc", "-u", "-l", "-p", "68");
      const { code, output } = await serve("", "").ended();
      expect(code).toBe(1);
      expect(output).toContain("10.8.1.2 on br0");
      await holder.stop();
    });

    test("with allowOtherServers starts at once, tells of it, and serves its reservations", async () => {
      await dnsmasq();
      const serving = serve("allowOtherServers: true", "");
      await until(serving, "listening");
      expect(await until(serving, "other-dhcp-server")).toMatchObject({
        level: "error",
        interface: "br0",
        server: "10.8.1.2",
        offered: expect.stringMatching(/^10\.8\.1\.2[0-2][0-9]$/),
      });
      expect(await lease("one", "v2", macA)).toContain("lease of 10.8.1.50 obtained from 10.8.1.1");
      expect(await lease("two", "v3", macB)).toMatch(
        /lease of 10\.8\.1\.2\d\d obtained from 10\.8\.1\.2/,
      );
    });

    test("starts where it is alone, and tells of a server that appears later", async () => {
      const serving = serve("", "");
      await until(serving, "listening");
      await dnsmasq();
      expect(await lease("two", "v3", macB)).toContain("obtained from 10.8.1.2");
      expect(await until(serving, "other-dhcp-server")).toMatchObject({
        interface: "br0",
        server: "10.8.1.2",
        offered: null,
      });
    });
  },
);
