import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  createNetns,
  type Guest,
  type Netns,
  netnsMissing,
  nextEvent as until,
} from "../support/netns.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * Clients that others wrote take leases from our server, with real sockets on virtual cables.
 */

const missing =
  reasonToSkip({ tools: ["busybox", "dhclient"], root: true }) ?? netnsMissing() ?? null;
const serverFile = new URL("guests/dhcp-server.ts", import.meta.url);

let net: Netns;
let folder = "";
beforeEach(() => {
  net = createNetns();
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-clients-"));
  mkdirSync(join(folder, "leases"));
});
afterEach(async () => {
  await net.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What a client's script is told; it also configures the address, as a system would. */
function script(name: string, variables: Readonly<Record<string, string>>): string {
  const path = join(folder, name);
  const fields = Object.entries(variables).map(([field, value]) => `\\"${field}\\":\\"${value}\\"`);
  const text = [
    "#!/bin/sh",
    `[ -n "${variables["address"]}" ] && ip addr replace "${variables["address"]}/24" dev eth0`,
    `echo "{${fields.join(",")}}"`,
  ];
  writeFileSync(path, `${text.join("\n")}\n`);
  chmodSync(path, 0o755);
  return path;
}

const server = (host: string, ...links: readonly string[]): Promise<Guest> => {
  const guest = net.run(host, serverFile, join(folder, "data"), ...links);
  return guest.next().then(() => guest);
};

/** A host whose device eth0 is the far end of a cable from the server. */
function wire(host: string, device: string, own: string, role: string, mac: string): string {
  const far = net.host(role);
  net.cable({ host, device, addresses: [own] }, { host: far, device: "eth0", addresses: [] });
  net.ip(far, "link", "set", "eth0", "down");
  net.ip(far, "link", "set", "eth0", "address", mac);
  net.ip(far, "link", "set", "eth0", "up");
  return far;
}

const mac = "52:54:00:00:00:0a";

describe.skipIf(missing !== null)(`DHCP clients${missing === null ? "" : ` (${missing})`}`, () => {
  function udhcpc(host: string, ...flags: readonly string[]): Guest {
    const run = script("udhcpc.sh", {
      event: "$1",
      address: "$ip",
      netmask: "$subnet",
      router: "$router",
      domain: "$domain",
      seconds: "$lease",
      server: "$serverid",
    });
    return net.spawn(host, "busybox", "udhcpc", "-f", "-i", "eth0", "-s", run, "-T", "1", ...flags);
  }

  test("udhcpc takes a lease, renews it, releases it, and gets the same address again", async () => {
    const host = net.host("server");
    const far = wire(host, "eth1", "10.8.1.1/24", "client", mac);
    const serving = await server(host, "eth1=10.8.1.1/24=10.8.1.100-10.8.1.150");
    const client = udhcpc(far);
    const bound = await until(client, "bound");
    expect(bound).toMatchObject({
      event: "bound",
      address: expect.stringMatching(/^10\.8\.1\.1[0-4][0-9]$|^10\.8\.1\.150$/),
      netmask: "255.255.255.0",
      router: "10.8.1.1",
      domain: "site.example",
      seconds: "3600",
      server: "10.8.1.1",
    });
    expect(await until(serving, "lease-granted")).toMatchObject({ mac });
    client.signal("SIGUSR1");
    expect(await until(client, "renew")).toEqual({ ...Object(bound), event: "renew" });
    expect(await until(serving, "lease-granted")).toMatchObject({ mac });
    client.signal("SIGUSR2");
    expect(await until(serving, "lease-released")).toMatchObject({ event: "lease-released", mac });
    await client.stop();
    const again = udhcpc(far, "-C", "-q");
    expect(await until(again, "bound")).toEqual(bound);
  });

  test("a lease survives the death of the server", async () => {
    const host = net.host("server");
    const far = wire(host, "eth1", "10.8.1.1/24", "client", mac);
    const link = "eth1=10.8.1.1/24=10.8.1.100-10.8.1.100";
    const first = await server(host, link);
    const client = udhcpc(far);
    const bound = await until(client, "bound");
    await first.stop("SIGKILL");
    const second = await server(host, link);
    client.signal("SIGUSR1");
    expect(await until(client, "renew")).toEqual({ ...Object(bound), event: "renew" });
    await client.stop();
    await second.stop("SIGKILL");
    const third = await server(host, link);
    const rival = "52:54:00:00:00:0b";
    net.ip(far, "link", "set", "eth0", "down");
    net.ip(far, "link", "set", "eth0", "address", rival);
    net.ip(far, "link", "set", "eth0", "up");
    udhcpc(far, "-n");
    expect(await until(third, "pool-full")).toMatchObject({ mac: rival });
  });

  /** A server, a machine, and somebody who uses the first of two addresses: all on one switch. */
  async function squatted(...how: readonly string[]) {
    const host = net.host("server");
    net.ip(host, "link", "add", "br0", "type", "bridge", "forward_delay", "0");
    net.ip(host, "addr", "add", "10.8.1.1/24", "brd", "+", "dev", "br0");
    net.ip(host, "link", "set", "br0", "up");
    const far = wire(host, "v1", "10.8.9.1/24", "client", mac);
    const squatter = net.host("squatter");
    net.cable(
      { host, device: "v2", addresses: [] },
      { host: squatter, device: "eth0", addresses: ["10.8.1.100/24"] },
    );
    for (const port of ["v1", "v2"]) net.ip(host, "link", "set", port, "master", "br0");
    const sysctl = async (on: string, setting: string): Promise<void> => {
      expect((await net.spawn(on, "sysctl", "-w", setting).ended()).code).toBe(0);
    };
    const start = () => server(host, ...how, "br0=10.8.1.1/24=10.8.1.100-10.8.1.101");
    return { host, far, squatter, sysctl, start };
  }

  test("udhcpc declines an address that somebody uses, and gets another one", async () => {
    const { far, start } = await squatted();
    const serving = await start();
    udhcpc(far, "-a", "-A", "1", "-r", "10.8.1.100");
    expect(await until(serving, "lease-granted")).toMatchObject({
      event: "lease-granted",
      address: "10.8.1.100",
    });
    expect(await until(serving, "lease-declined")).toMatchObject({
      event: "lease-declined",
      address: "10.8.1.100",
    });
    expect(await until(serving, "lease-granted")).toMatchObject({
      event: "lease-granted",
      address: "10.8.1.101",
    });
  });

  test.each([
    ["by ICMP echo, also where ARP knows it from before", "10", "0", "known"],
    ["by ARP, where it answers no echo", "10", "1", "new"],
    ["by ARP, where it answers no echo and is known from before", "10", "1", "known"],
    ["by ARP, where no echo may be sent", "0", "0", "new"],
    ["by ARP, where no echo may be sent and it is known from before", "0", "0", "known"],
  ])("an address that somebody uses is found %s, and not offered", async (...how) => {
    const [, groups, silent, before] = how;
    const { host, far, squatter, sysctl, start } = await squatted("look");
    await sysctl(host, `net.ipv4.ping_group_range=${groups === "0" ? "1 0" : `0 ${groups}`}`);
    await sysctl(squatter, `net.ipv4.icmp_echo_ignore_all=${silent}`);
    if (before === "known") {
      await net.spawn(host, "busybox", "ping", "-c", "1", "-W", "1", "10.8.1.100").ended();
    }
    const serving = await start();
    udhcpc(far, "-r", "10.8.1.100");
    const found = { mac, address: "10.8.1.100" };
    expect(await until(serving, "address-in-use")).toMatchObject(found);
    expect(await until(serving, "lease-granted")).toMatchObject({ mac, address: "10.8.1.101" });
  });

  test("two links: each client gets an address of its own link", async () => {
    const host = net.host("server");
    const far = [1, 2].map((n) =>
      wire(host, `eth${n}`, `10.8.${n}.1/24`, `client${n}`, `52:54:00:00:00:0${n}`),
    );
    await server(
      host,
      "eth1=10.8.1.1/24=10.8.1.100-10.8.1.150",
      "eth2=10.8.2.1/24=10.8.2.100-10.8.2.150",
    );
    const clients = far.map((name) => udhcpc(name, "-q"));
    for (const [i, client] of clients.entries()) {
      expect(await until(client, "bound")).toMatchObject({
        event: "bound",
        address: expect.stringContaining(`10.8.${i + 1}.`),
        server: `10.8.${i + 1}.1`,
      });
    }
  });

  function dhclient(host: string, ...flags: readonly string[]): Guest {
    const run = script("dhclient.sh", {
      event: "$reason",
      address: "$new_ip_address",
      netmask: "$new_subnet_mask",
      router: "$new_routers",
      seconds: "$new_dhcp_lease_time",
      server: "$new_dhcp_server_identifier",
    });
    const files = ["-lf", join(folder, "leases", "dhclient"), "-pf", join(folder, "dhclient.pid")];
    const config = join(folder, "dhclient.conf");
    writeFileSync(config, "timeout 20;\nretry 2;\nbackoff-cutoff 1;\ninitial-interval 1;\n");
    const own = ["-d", "-sf", run, "-cf", config, ...files, ...flags, "eth0"];
    return net.spawn(host, "dhclient", ...own);
  }

  test("dhclient takes a lease, asks for it again after a reboot, and releases it", async () => {
    const host = net.host("server");
    const far = wire(host, "eth1", "10.8.1.1/24", "client", mac);
    const serving = await server(host, "eth1=10.8.1.1/24=10.8.1.100-10.8.1.150");
    const client = dhclient(far);
    const bound = await until(client, "BOUND");
    expect(bound).toMatchObject({
      netmask: "255.255.255.0",
      router: "10.8.1.1",
      seconds: "3600",
      server: "10.8.1.1",
    });
    const { address } = Object(bound);
    expect(await until(serving, "lease-granted")).toMatchObject({
      event: "lease-granted",
      mac,
      address,
    });
    // By then it has written the lease down.
    await client.said("bound to");
    await client.stop("SIGKILL");
    const rebooted = dhclient(far);
    expect(await until(rebooted, "REBOOT", "BOUND")).toEqual({ ...Object(bound), event: "REBOOT" });
    expect(await until(serving, "lease-granted")).toMatchObject({
      event: "lease-granted",
      mac,
      address,
    });
    await rebooted.said("bound to");
    await rebooted.stop("SIGKILL");
    const releasing = dhclient(far, "-r");
    expect(await until(serving, "lease-released")).toMatchObject({
      event: "lease-released",
      mac,
      address,
    });
    await releasing.ended();
  });

  test("dhclient with an address of another network is refused, and gets one of this network", async () => {
    const host = net.host("server");
    const far = wire(host, "eth1", "10.8.1.1/24", "client", mac);
    const serving = await server(host, "eth1=10.8.1.1/24=10.8.1.100-10.8.1.150");
    const lease = [
      'interface "eth0";',
      "fixed-address 10.9.9.9;",
      "option subnet-mask 255.255.255.0;",
      "option dhcp-lease-time 86400;",
      "option dhcp-server-identifier 10.9.9.1;",
      ...["renew", "rebind", "expire"].map((moment) => `${moment} 5 2037/01/01 00:00:00;`),
    ];
    writeFileSync(join(folder, "leases", "dhclient"), `lease {\n${lease.join("\n")}\n}\n`);
    const client = dhclient(far);
    expect(await until(serving, "lease-refused")).toMatchObject({
      event: "lease-refused",
      address: "10.9.9.9",
    });
    expect(await until(client, "BOUND")).toMatchObject({
      address: expect.stringContaining("10.8.1.1"),
    });
  });

  test("when its server is gone a client rebinds, and another server that knows the lease takes it on", async () => {
    const host = net.host("server");
    const [one, two] = [
      wire(host, "eth1", "10.8.1.1/24", "one", mac),
      wire(host, "eth2", "10.8.2.1/24", "two", "52:54:00:00:00:0b"),
    ];
    const links = (own: number) =>
      [1, 2].map((n) => `eth${n}=10.8.${n}.${own}/24=10.8.${n}.100-10.8.${n}.100=12`);
    const first = await server(host, ...links(1));
    const [isc, busybox] = [dhclient(one), udhcpc(two)];
    await Promise.all([until(isc, "BOUND"), until(busybox, "bound")]);
    // Half of twelve seconds later; busybox renews after a minute at the earliest, or when it is told to.
    expect(await until(isc, "RENEW")).toMatchObject({ address: "10.8.1.100", seconds: "12" });
    await first.stop("SIGKILL");
    for (const n of [1, 2]) {
      net.ip(host, "addr", "flush", "dev", `eth${n}`);
      net.ip(host, "addr", "add", `10.8.${n}.2/24`, "brd", "+", "dev", `eth${n}`);
    }
    await server(host, ...links(2));
    // With no way to its server busybox rebinds at once.
    net.ip(two, "route", "add", "unreachable", "10.8.2.1/32");
    busybox.signal("SIGUSR1");
    expect(await until(busybox, "renew")).toMatchObject({
      address: "10.8.2.100",
      server: "10.8.2.2",
    });
    // dhclient calls it a renewal even when it was answered after it had gone over to broadcasts.
    expect(await until(isc, "RENEW", "REBIND")).toMatchObject({
      address: "10.8.1.100",
      server: "10.8.1.2",
    });
  });
});
