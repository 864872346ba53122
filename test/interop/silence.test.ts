import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { BOOTREPLY, type DhcpPacket, decodePacket } from "../../src/dhcp/wire/packet.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { Program } from "../support/command.ts";
import { createNetns, type Guest, type Netns, netnsMissing, nextEvent } from "../support/netns.ts";
import { readPcap } from "../support/pcap.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * What `eim-pxe serve` must not say, with captures of its links as the proof: one link in mode proxy,
 * one in mode full. Each capture has an answer to a machine, too, so that it is known to hold answers.
 */

const missing =
  reasonToSkip({ tools: ["tcpdump", "busybox", "dhclient"], root: true }) ?? netnsMissing();

const configuration = `
dataDir: data
interfaces:
  - { name: eth1, dhcp: { mode: proxy } }
  - { name: eth2, dhcp: { mode: full, pools: [10.8.2.100-10.8.2.150] } }
artifacts:
  origin: https://127.0.0.1:9/tink-stack
  ca: { file: ca.pem }
  loaderDirs: [loaders]
`;
const clientConfiguration = "timeout 4;\nretry 2;\nbackoff-cutoff 1;\ninitial-interval 1;\n";

const chosen = z.object({ requests: z.array(z.number()).length(4), discovery: z.number() });

const mac = "52:54:00:00:00:0";
const typeOf = ({ options }: DhcpPacket) => options.get(OptionCode.MESSAGE_TYPE)?.[0];
const isDiscover = (packet: DhcpPacket) => typeOf(packet) === MessageType.DISCOVER;
const isNetboot = ({ options }: DhcpPacket) => options.has(OptionCode.CLIENT_SYSTEM_ARCHITECTURE);

describe.skipIf(missing !== null)(`silence${missing === null ? "" : ` (${missing})`}`, () => {
  let net: Netns;
  let files: ServedSite;
  let program: Program;
  const captures = new Map<string, Guest>();
  const hosts = { server: "", proxied: "", full: "" };

  beforeAll(async () => {
    net = createNetns();
    // The server's own host cannot reach the orchestrator.
    [files, program] = await Promise.all([ServedSite.openMirrored(), Program.build()]);
    for (const role of ["server", "proxied", "full"] as const) hosts[role] = net.host(role);
    for (const [number, host] of [hosts.proxied, hosts.full].entries()) {
      const [device, network] = [`eth${number + 1}`, `10.8.${number + 1}`];
      net.cable(
        { host: hosts.server, device, addresses: [`${network}.1/24`] },
        { host, device: "eth0", addresses: [`${network}.9/24`] },
      );
      const file = files.path(`${device}.pcap`);
      const capturing = [
        "--immediate-mode",
        "-U",
        "-n",
        "-Z",
        "root",
        "-i",
        device,
        "-w",
        file,
        "udp",
      ];
      const capture = net.spawn(hosts.server, "tcpdump", ...capturing);
      await capture.said(`listening on ${device}`);
      captures.set(device, capture);
    }
    const config = files.write("links.yaml", configuration);
    const serve = [program.entry, "serve", "--config", config];
    await nextEvent(net.spawn(hosts.server, process.execPath, ...serve), "listening");
  });

  afterAll(async () => {
    await net.close();
    await Promise.all([files.close(), program.remove()]);
  });

  /** Has a machine request an address of another server, and then discover; gives the `xid` of each. */
  async function chooseAnother(host: string, network: string, own: string) {
    const machine = net.run(host, new URL("guests/boot-client.ts", import.meta.url));
    await machine.next();
    machine.write(`choose ${network}.9 ${own} ${network}.254 ${network}.120`);
    const told = chosen.parse(await machine.next());
    await machine.stop();
    return told;
  }

  /** The DHCP messages on a link, requests and replies. */
  async function messages(device: string): Promise<{ asked: DhcpPacket[]; told: DhcpPacket[] }> {
    await captures.get(device)?.stop();
    const packets = readPcap(readFileSync(files.path(`${device}.pcap`)))
      .filter(({ destination }) => [67, 68, 4011].includes(destination.port))
      .map(({ payload }) => decodePacket(payload));
    const [asked, told]: [DhcpPacket[], DhcpPacket[]] = [[], []];
    for (const packet of packets) (packet.op === BOOTREPLY ? told : asked).push(packet);
    return { asked, told };
  }

  test("in mode proxy udhcpc and dhclient hear nothing, and no REQUEST for another server is acknowledged", async () => {
    const settings = files.write("dhclient.conf", clientConfiguration);
    const own = ["-cf", settings, "-lf", files.path("lease"), "-pf", files.path("pid")];
    const ask = (client: string, ...flags: string[]) =>
      net.spawn(hosts.proxied, client, ...flags).ended();
    const [udhcpc, dhclient] = await Promise.all([
      ask("busybox", "udhcpc", "-f", "-i", "eth0", "-s", "/bin/true", "-n", "-t", "4", "-T", "1"),
      ask("dhclient", "-d", "-1", "-sf", "/bin/true", ...own, "eth0"),
    ]);
    expect(udhcpc).toMatchObject({ code: 1, output: expect.stringContaining("no lease") });
    expect(dhclient).toMatchObject({ code: 2, output: expect.stringContaining("No DHCPOFFERS") });

    const { requests, discovery } = await chooseAnother(hosts.proxied, "10.8.1", `${mac}a`);
    const { asked, told } = await messages("eth1");
    const asPlainClient = asked.filter((packet) => !isNetboot(packet) && isDiscover(packet));
    expect(asPlainClient.length).toBeGreaterThanOrEqual(4 + 2);
    expect(asked.map(({ xid }) => xid)).toEqual(expect.arrayContaining(requests));
    expect(told.map(({ xid }) => xid)).toEqual([discovery]);
    expect(told.map(typeOf)).toEqual([MessageType.OFFER]);
  });

  test("in mode full no REQUEST for another server is acknowledged", async () => {
    const { requests, discovery } = await chooseAnother(hosts.full, "10.8.2", `${mac}b`);
    const { asked, told } = await messages("eth2");
    expect(asked.map(({ xid }) => xid)).toEqual(expect.arrayContaining(requests));
    expect(told.map(({ xid }) => xid)).toEqual([discovery]);
    expect(told.map(typeOf)).toEqual([MessageType.OFFER]);
  });
});
