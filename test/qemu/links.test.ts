import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { stages } from "../../src/timeline/stages.ts";
import { reasonToSkip } from "../support/tools.ts";
import { addressLines } from "./address-server.ts";
import { bootOne, poolAddress, useSite } from "./boots.ts";
import { dhcpReplies, dhcpRequests, startCapture } from "./capture.ts";
import type { Capture } from "./capture.ts";
import { debianTools } from "./debian.ts";
import { wire, wireOf } from "./network.ts";
import type { LabNetwork, Segment } from "./network.ts";
import { LabError, run } from "./process.ts";
import { addLink, plug } from "./segments.ts";
import { labTools } from "./site.ts";

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...debianTools] });

/** Served in mode proxy, while `wire` is served in mode full. */
const proxied = wireOf("br1", "192.168.78");
/** Served in mode full, but not there when the server starts. */
const late = wireOf("br3", "192.168.80");
/** The host has it, but no configuration names it. */
const unconfigured = wireOf("br2", "192.168.79");

/** What makes a request one of a network boot client: options 60, 93 and 94. */
const asPxeClient = [
  "-V",
  "PXEClient:Arch:00007:UNDI:003010",
  "-x",
  "0x5d:0007",
  "-x",
  "0x5e:01030a",
];

describe.skipIf(skipped !== null)(`several links${skipped === null ? "" : ` (${skipped})`}`, () => {
  let second: Segment | null = null;
  const captures = new Map<string, Capture>();
  const site = useSite({
    mode: "full",
    loaders: "modern",
    extend: async (network, folder) => {
      second = await addLink(network, proxied, "eth1");
      await addLink(network, unconfigured, "eth2");
      for (const { bridge } of [proxied, unconfigured]) {
        captures.set(bridge, await startCapture(network, bridge, join(folder, `${bridge}.pcap`)));
      }
      return {
        links: [
          { wire: proxied, mode: "proxy" },
          { wire: late, mode: "full" },
        ],
        // The beacons' address is the first link's, so these machines need a way to it.
        siteLines: addressLines(proxied, proxied.serverAddress),
        stop: () => Promise.all([...captures.values()].map(({ stop }) => stop())),
      };
    },
  });

  it("boots a machine on the link in mode full", async () => {
    const boot = await bootOne(site(), "bios");
    expect(boot.commandLine).toMatch(boot.expectedArguments);
    expect(boot.address).toMatch(poolAddress(wire));
  });

  it("boots a machine on the link in mode proxy, from our address there", async () => {
    if (second === null) throw new LabError("there is no second link");
    const boot = await bootOne(site(), "uefi", { network: second, link: proxied });
    expect(boot.commandLine).toMatch(boot.expectedArguments);
    expect(boot.stages).toEqual(stages);
    expect(boot.address).toMatch(poolAddress(proxied));
  });

  it("boots a machine on a link that came while the server runs", async () => {
    const network = await addLink(site().network, late, "eth3");
    const boot = await bootOne(site(), "uefi", { network, link: late });
    expect(boot.commandLine).toMatch(boot.expectedArguments);
    expect(boot.stages).toEqual(stages);
    expect(boot.address).toMatch(poolAddress(late));
  });

  it("says nothing to a plain client in mode proxy, nor to anyone where it is not configured", async () => {
    const { network } = site();
    const plain = await askForAddress(network, proxied.bridge, "plain1");
    const pxe = await askForAddress(network, proxied.bridge, "pxe1", asPxeClient);
    const stranger = await askForAddress(network, unconfigured.bridge, "pxe2", asPxeClient);

    const onProxied = await messages(proxied.bridge);
    const serversFor = (mac: string) => [
      ...new Set(
        onProxied.replies.filter(({ clientMac }) => clientMac === mac).map(({ server }) => server),
      ),
    ];
    expect(serversFor(plain)).toEqual([proxied.siteAddress]);
    // The same request as that which the other link does not answer is one that we do answer.
    expect(serversFor(pxe)).toContain(proxied.serverAddress);

    const onUnconfigured = await messages(unconfigured.bridge);
    expect(onUnconfigured.requests.map(({ clientMac }) => clientMac)).toContain(stranger);
    expect(onUnconfigured.replies).toEqual([]);
  });

  async function messages(bridge: string) {
    const capture = captures.get(bridge);
    if (capture === undefined) throw new LabError(`${bridge} was not recorded`);
    await capture.stop();
    const { file } = capture;
    return { requests: await dhcpRequests(file), replies: await dhcpReplies(file) };
  }
});

/** Has a new host on the bridge ask for an address, with or without success; gives its MAC. */
async function askForAddress(
  network: LabNetwork,
  bridge: string,
  device: string,
  options: readonly string[] = [],
): Promise<string> {
  await plug(network.namespace, bridge, network.farNamespace, device);
  const ask = ["busybox", "udhcpc", "-i", device, "-s", "/bin/true", "-f", "-q", "-n"];
  const tries = ["-t", "4", "-T", "1"];
  // Without a lease it ends with 1, which is as good here.
  const command = ["sh", "-c", '"$@" || true', "sh", ...ask, ...tries, ...options] as const;
  await run(network.insideFar(...command));
  return (await run(network.insideFar("cat", `/sys/class/net/${device}/address`))).trim();
}
