import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../support/command.ts";
import { createNetns, type Guest, type Netns, netnsMissing, nextEvent } from "../support/netns.ts";
import { readPcap } from "../support/pcap.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * `eim-pxe serve` while its links come and go: virtual Ethernet cables are laid, pulled and removed
 * under it. Each test goes on where the one before has ended; on a further interface, which is not
 * configured, a machine asks all the time and everything is captured.
 */

const missing = reasonToSkip({ tools: ["tcpdump", "curl"], root: true }) ?? netnsMissing();

const configuration = `
dataDir: data
interfaces:
  - { name: eth1 }
  - { name: named.by.the.environment, dhcp: { mode: full, pools: [10.8.20.100-10.8.20.150] } }
artifacts:
  origin: https://127.0.0.1:9/tink-stack
  ca: { file: ca.pem }
  loaderDirs: [loaders]
`;
/** The name of a VLAN device of eth1. */
const vlan = "eth1.20";
const loaderBytes = 20_480;

describe.skipIf(missing !== null)(`links${missing === null ? "" : ` (${missing})`}`, () => {
  let net: Netns;
  let files: ServedSite;
  let program: Program;
  let server: Guest;
  let capture: Guest;
  const hosts = { server: "", plain: "", tagged: "", stranger: "" };
  let plain: Guest;
  let tagged: Guest;
  let stranger: Guest;
  let strangerAsked = 0;

  beforeAll(async () => {
    net = createNetns();
    // The server's own host cannot reach the orchestrator.
    [files, program] = await Promise.all([ServedSite.openMirrored(), Program.build()]);
    for (const role of ["server", "plain", "tagged", "stranger"] as const) {
      hosts[role] = net.host(role);
    }
    cable("eth1", ["10.8.1.1/24"], hosts.plain, ["10.8.1.9/24", "10.8.2.9/24"]);
    cable("eth9", ["10.8.9.1/24"], hosts.stranger, ["10.8.9.9/24"]);
    const capturing = [
      "-U",
      "-n",
      "-Z",
      "root",
      "-i",
      "eth9",
      "-w",
      files.path("eth9.pcap"),
      "udp",
    ];
    capture = net.spawn(hosts.server, "tcpdump", ...capturing);
    await capture.said("listening on eth9");
    const client = new URL("guests/boot-client.ts", import.meta.url);
    plain = net.run(hosts.plain, client);
    tagged = net.run(hosts.tagged, client);
    stranger = net.run(hosts.stranger, client);
    for (const guest of [plain, tagged, stranger]) await guest.next();
    const config = files.write("links.yaml", configuration);
    const serve = [process.execPath, program.entry, "serve", "--config", config];
    server = net.spawn(hosts.server, "env", `EIM_PXE_INTERFACES__1__NAME=${vlan}`, ...serve);
  });

  afterAll(async () => {
    await net.close();
    await Promise.all([files.close(), program.remove()]);
  });

  /** A cable from the server to device eth0 of a host. */
  function cable(
    device: string,
    addresses: readonly string[],
    far: string,
    farAddresses: readonly string[],
  ): void {
    net.cable(
      { host: hosts.server, device, addresses },
      { host: far, device: "eth0", addresses: farAddresses },
    );
  }

  function boot(guest: Guest, own: string): Promise<unknown> {
    guest.write(`boot ${own} 52:54:00:00:00:0a`);
    return guest.next();
  }

  function askWhereWeAreNotConfigured(): void {
    stranger.write("boot 10.8.9.9 52:54:00:00:00:09");
    strangerAsked += 1;
  }

  async function readyz(): Promise<unknown> {
    const asking = net.spawn(hosts.server, "curl", "-s", "http://127.0.0.1:8081/readyz");
    return asking.next();
  }

  test("one link is enough to start, and what the other one lacks is told", async () => {
    const { sockets } = await nextEvent(server, "listening");
    expect(sockets).toEqual([
      "http 10.8.1.1:8080",
      "tftp 10.8.1.1:69",
      "dhcp eth1 10.8.1.1:67",
      "boot-server eth1 10.8.1.1:4011",
      "admin 127.0.0.1:8081",
    ]);
    const reason = `there is no network interface ${vlan}`;
    expect(await nextEvent(server, "link-down")).toMatchObject({ interface: vlan, reason });
    askWhereWeAreNotConfigured();
    expect(await boot(plain, "10.8.1.9")).toEqual({
      server: "10.8.1.1",
      address: "0.0.0.0",
      loaderBytes,
      scriptBytes: expect.any(Number),
    });
    expect(await readyz()).toMatchObject({ status: "ready", unserved: [reason] });
  });

  test("a link that comes is served, also by the name of a VLAN", async () => {
    cable(vlan, ["10.8.20.1/24"], hosts.tagged, ["10.8.20.9/24"]);
    const up = { interface: vlan, address: "10.8.20.1", mode: "full" };
    expect(await nextEvent(server, "link-up")).toMatchObject(up);
    askWhereWeAreNotConfigured();
    expect(await boot(tagged, "10.8.20.9")).toMatchObject({
      server: "10.8.20.1",
      address: expect.stringMatching(/^10\.8\.20\.1[0-5]\d$/),
      loaderBytes,
    });
    expect(await readyz()).toMatchObject({ status: "ready", unserved: [] });
  });

  test("a changed address is followed, and a transfer on another link goes on", async () => {
    tagged.write("begin 10.8.20.9 10.8.20.1");
    expect(await tagged.next()).toEqual({ began: "oack" });
    net.ip(hosts.server, "addr", "add", "10.8.2.1/24", "brd", "+", "dev", "eth1");
    net.ip(hosts.server, "addr", "del", "10.8.1.1/24", "dev", "eth1");
    expect(await nextEvent(server, "link-down")).toMatchObject({
      interface: "eth1",
      address: "10.8.1.1",
      reason: "its address is now 10.8.2.1",
    });
    expect(await nextEvent(server, "link-up")).toMatchObject({ address: "10.8.2.1" });
    askWhereWeAreNotConfigured();
    expect(await boot(plain, "10.8.2.9")).toMatchObject({ server: "10.8.2.1", loaderBytes });
    tagged.write("finish");
    expect(await tagged.next()).toEqual({ bytes: loaderBytes });
  });

  test("a device that is removed and made anew under its name is served again", async () => {
    // A transfer that its link is taken away from.
    tagged.write("begin 10.8.20.9 10.8.20.1");
    expect(await tagged.next()).toEqual({ began: "oack" });
    net.ip(hosts.server, "link", "del", vlan);
    expect(await nextEvent(server, "link-down")).toMatchObject({
      interface: vlan,
      reason: `there is no network interface ${vlan}`,
    });
    expect(await boot(plain, "10.8.2.9")).toMatchObject({ server: "10.8.2.1", loaderBytes });
    cable(vlan, ["10.8.20.1/24"], hosts.tagged, ["10.8.20.9/24"]);
    expect(await nextEvent(server, "link-up")).toMatchObject({ interface: vlan });
    askWhereWeAreNotConfigured();
    expect(await boot(tagged, "10.8.20.9")).toMatchObject({ server: "10.8.20.1", loaderBytes });
  });

  test("also when that takes less time than there is between two looks", async () => {
    net.ip(hosts.server, "link", "del", vlan);
    cable(vlan, ["10.8.20.1/24"], hosts.tagged, ["10.8.20.9/24"]);
    expect(await nextEvent(server, "link-up")).toMatchObject({ interface: vlan });
    expect(await boot(tagged, "10.8.20.9")).toMatchObject({ server: "10.8.20.1", loaderBytes });
  });

  test("a cable that is pulled and plugged in again changes nothing", async () => {
    net.ip(hosts.plain, "link", "set", "eth0", "down");
    // What is told of the other link proves that the server has looked meanwhile.
    net.ip(hosts.server, "link", "set", vlan, "down");
    expect(await nextEvent(server, "link-down")).toMatchObject({
      interface: vlan,
      reason: expect.stringContaining(`ip link set ${vlan} up`),
    });
    net.ip(hosts.plain, "link", "set", "eth0", "up");
    net.ip(hosts.server, "link", "set", vlan, "up");
    expect(await nextEvent(server, "link-up", "link-down")).toMatchObject({
      event: "link-up",
      interface: vlan,
    });
    expect(await boot(plain, "10.8.2.9")).toMatchObject({ server: "10.8.2.1", loaderBytes });
    expect(await boot(tagged, "10.8.20.9")).toMatchObject({ server: "10.8.20.1", loaderBytes });
  });

  test("a port that another program holds is asked for until it is free", async () => {
    net.ip(hosts.server, "link", "set", vlan, "down");
    await nextEvent(server, "link-down");
    const bind = `require("dgram").createSocket("udp4").bind(69, "10.8.20.1", () => console.log("{}"))`;
    const rival = net.spawn(hosts.server, process.execPath, "-e", bind);
    await rival.next();
    net.ip(hosts.server, "link", "set", vlan, "up");
    expect(await nextEvent(server, "link-down")).toMatchObject({
      interface: vlan,
      reason: expect.stringMatching(/cannot bind UDP 10\.8\.20\.1:69: another program holds/),
    });
    await rival.stop();
    expect(await nextEvent(server, "link-up")).toMatchObject({ interface: vlan });
    expect(await boot(tagged, "10.8.20.9")).toMatchObject({ server: "10.8.20.1", loaderBytes });
  });

  test("an interface that is not configured has heard nothing from us all the time", async () => {
    for (let asked = 0; asked < strangerAsked; asked++) {
      expect(await stranger.next()).toMatchObject({
        failed: expect.stringMatching(/no DHCP answer/),
      });
    }
    await capture.stop();
    const datagrams = readPcap(readFileSync(files.path("eth9.pcap")));
    const requests = datagrams.filter(({ destination }) => destination.port === 67);
    expect(requests.length).toBeGreaterThanOrEqual(4 * strangerAsked);
    expect(datagrams.filter(({ source }) => source.address !== "10.8.9.9")).toEqual([]);
  });

  test("it ends as usual, and nothing went wrong inside", async () => {
    server.signal("SIGTERM");
    const { code, output } = await server.ended();
    expect(code).toBe(0);
    expect(output).not.toMatch(/fault of its own|dhcp-send-failed|dhcp-failed/);
  });
});
