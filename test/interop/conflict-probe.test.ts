import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createNetns, type Guest, type Netns, netnsMissing } from "../support/netns.ts";

/* Who uses an address, as the kernel knows it: on a link between two hosts, without and with the right to send echo requests. */

const missing = netnsMissing();
const own = "10.8.1.1/24";
const theirs = "10.8.1.50/24";
const machine = "52:54:00:00:00:01";
const guest = new URL("guests/conflict-probe.ts", import.meta.url);

describe.skipIf(missing !== null).each([
  ["without echo requests", "1 0"],
  ["with echo requests", "0 2147483647"],
])(`an address on a link, %s${missing === null ? "" : ` (${missing})`}`, (_, pingGroups) => {
  let net: Netns;
  let probe: Guest;
  const hosts = { server: "", neighbour: "" };

  const lay = (): void => {
    net.cable(
      { host: hosts.server, device: "eth1", addresses: [own] },
      { host: hosts.neighbour, device: "eth0", addresses: [theirs] },
    );
  };
  const usedBy = async (line: string): Promise<unknown> => {
    probe.write(line);
    return probe.next();
  };

  beforeAll(async () => {
    net = createNetns();
    hosts.server = net.host("server");
    hosts.neighbour = net.host("neighbour");
    const range = `net.ipv4.ping_group_range=${pingGroups}`;
    await net.spawn(hosts.server, "sysctl", "-qw", range).ended();
    lay();
    probe = net.run(hosts.server, guest, "eth1", own, machine);
  }, 60_000);

  afterAll(() => net.close());

  test("is in use, however often it is checked", async () => {
    for (let n = 0; n < 3; n++) {
      expect(await usedBy("10.8.1.50")).toEqual({ use: "other" });
    }
    expect(await usedBy("10.8.1.51")).toEqual({ use: "nobody" });
  });

  test("is in use although its host answers nothing but ARP", async () => {
    const drop = "net.ipv4.icmp_echo_ignore_all=1";
    await net.spawn(hosts.neighbour, "sysctl", "-qw", drop).ended();
    expect(await usedBy("10.8.1.50")).toEqual({ use: "other" });
    // It may be the machine whose lease has ended.
    expect(await usedBy("10.8.1.50 left")).toEqual({ use: "nobody" });
  });

  test("is checked on a device that was made anew, too", async () => {
    await net.spawn(hosts.neighbour, "sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all=0").ended();
    net.ip(hosts.server, "link", "del", "eth1");
    lay();
    expect(await usedBy("10.8.1.50")).toEqual({ use: "other" });
    expect(await usedBy("10.8.1.51")).toEqual({ use: "nobody" });
  });
});
