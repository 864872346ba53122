import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { magicPacket } from "../../src/daemon/links/wake-targets.ts";
import { Program } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { createNetns, type Guest, type Netns, netnsMissing, nextEvent } from "../support/netns.ts";
import { readPcap } from "../support/pcap.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/* `eim-pxe nodes wake` on a host with two links, each of which is captured at its far end. */

const missing = reasonToSkip({ tools: ["tcpdump"], root: true }) ?? netnsMissing();

const known = "52:54:00:7a:00:02";
const unknown = "52:54:00:7a:00:09";

const configuration = `
dataDir: data
interfaces:
  - { name: eth1 }
  - { name: eth2 }
artifacts:
  origin: https://127.0.0.1:9/tink-stack
  ca: { file: ca.pem }
  loaderDirs: [loaders]
nodes: { file: nodes.yaml }
`;

describe.skipIf(missing !== null)(`wake${missing === null ? "" : ` (${missing})`}`, () => {
  let net: Netns;
  let files: ServedSite;
  let program: Program;
  let server: Guest;
  let host = "";
  let config = "";
  const captures: Guest[] = [];
  const links = ["eth1", "eth2"] as const;

  beforeAll(async () => {
    net = createNetns();
    [files, program] = await Promise.all([ServedSite.openMirrored(), Program.build()]);
    host = net.host("server");
    for (const [index, device] of links.entries()) {
      const far = net.host(`far${index}`);
      net.cable(
        { host, device, addresses: [`10.8.${index + 1}.1/24`] },
        { host: far, device: "eth0", addresses: [`10.8.${index + 1}.9/24`] },
      );
      const file = files.path(`${device}.pcap`);
      const what = ["-U", "-n", "-Z", "root", "-i", "eth0", "-w", file, "udp port 9"];
      const capture = net.spawn(far, "tcpdump", ...what);
      await capture.said("listening on eth0");
      captures.push(capture);
    }
    // What is woken on the second link would leave by the first one's default route.
    net.ip(host, "route", "add", "default", "via", "10.8.1.9");
    files.write(
      "nodes.yaml",
      `- { mac: "${known}", address: 10.8.2.50, netmask: 255.255.255.0 }\n`,
    );
    config = files.write("wake.yaml", configuration);
    server = net.spawn(host, process.execPath, program.entry, "serve", "--config", config);
    await nextEvent(server, "listening");
  });

  afterAll(async () => {
    await net.close();
    await Promise.all([files.close(), program.remove()]);
  });

  function run(...words: readonly string[]) {
    const command = [process.execPath, program.entry, "nodes", "wake", ...words];
    return net.spawn(host, "env", "SUDO_USER=anna", ...command, "--config", config).ended();
  }

  /** What was captured on a link: from where, to where, for whom. */
  function heard(device: string): readonly string[] {
    return readPcap(readFileSync(files.path(`${device}.pcap`))).map(
      ({ source, destination, payload }) => {
        const of = [known, unknown].find((mac) => Buffer.from(magicPacket(mac)).equals(payload));
        return `${source.address} ${destination.address}:${destination.port} ${of ?? "other"}`;
      },
    );
  }

  test("a machine gets a magic packet on its own link only, in the name of who asked", async () => {
    const { code, output } = await run(known);
    expect([code, output]).toEqual([0, expect.stringContaining("was sent on eth2.")]);
    expect(await nextEvent(server, "wake-sent")).toMatchObject({
      mac: known,
      interfaces: ["eth2"],
      by: expect.stringMatching(/^anna by eim-pxe, from 127\.0\.0\.1$/),
    });
    const expected = `10.8.2.1 255.255.255.255:9 ${known}`;
    await eventually(() => expect(heard("eth2")).toEqual([expected, expected, expected]));
  });

  test("one of which nothing is known gets it on every link", async () => {
    const { code, output } = await run(unknown, "--json");
    expect([code, JSON.parse(output)]).toMatchObject([0, { mac: unknown, isKnown: false }]);
    await eventually(() => {
      for (const [index, device] of links.entries()) {
        const expected = `10.8.${index + 1}.1 255.255.255.255:9 ${unknown}`;
        expect(heard(device).filter((one) => one === expected)).toHaveLength(3);
      }
    });
    // The capture of the first link has ended with packets that were sent last: nothing else came there.
    expect(heard("eth1").filter((one) => !one.endsWith(unknown))).toEqual([]);
  });

  test("what is no machine's address is refused", async () => {
    expect(await run("ff:ff:ff:ff:ff:ff")).toMatchObject({
      code: 2,
      output: expect.stringContaining("must be the address of one network card"),
    });
    expect(await run("press-4")).toMatchObject({ code: 2 });
  });
});
