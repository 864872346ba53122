import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { configuredLinks } from "../../src/daemon/links/link-plan.ts";
import { parseConfig } from "../../src/config/load.ts";
import { networkOptions } from "../../src/dhcp/handlers/network-options.ts";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { ip4FromBytes } from "../../src/lib/ip4.ts";
import { fromText } from "../../src/lib/bytes.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { eventually } from "../support/eventually.ts";
import { RunningSite } from "../support/running-site.ts";
import { ServedSite } from "../support/served-site.ts";

/* A whole server that takes machines' logs, and what machines are told of it. */

const mac = "52:54:00:00:00:01";
const address = "127.88.3.1";
/** No other test takes logs at this address of loopback. */
const port = 15_514;

let files: ServedSite;
beforeAll(async () => {
  files = await ServedSite.open();
});
afterAll(() => files.close());

let site: RunningSite | null = null;
afterEach(() => site?.close());

const boots = z.object({ boots: z.array(z.object({ id: z.string() })) });
const detail = z.object({ events: z.array(z.looseObject({ event: z.string() })) });

async function asked<Shape>(url: string, shape: z.ZodType<Shape>): Promise<Shape> {
  return shape.parse(await (await fetch(url)).json());
}

describe("a server with syslog.port", () => {
  it("shows a line in the timeline of the machine that has its sender's address", async () => {
    const settings = { mode: "full", compatibility: "standard", trace: null } as const;
    const running = await RunningSite.open(files, {
      ...settings,
      boot: {},
      nodes: [],
      syslog: { port },
    });
    site = running;
    const machine = { mac, address, interface: "lo" };
    running.events.emit({ event: "lease-granted", ...machine, leaseSeconds: 120 });
    running.events.emit({ event: "ipxe-offer", ...machine, boots: "http://127.88.0.1/boot.ipxe" });
    const sender = await openDgram({ address, port: 0 });
    sender.send(fromText("<6>ipxe: hello"), { address: running.address, port });
    await eventually(async () => {
      const api = `${running.adminUrl}/api/v1/boots`;
      const [boot] = (await asked(`${api}?mac=${mac}`, boots)).boots;
      const { events } = await asked(`${api}/${encodeURIComponent(boot?.id ?? "")}`, detail);
      expect(events).toContainEqual(
        expect.objectContaining({ event: "syslog", app: "ipxe", text: "hello", mac }),
      );
    });
    await sender.close();
  });
});

describe("what machines are told of it", () => {
  const text = (more: string, link = "") => `
interfaces:
  - name: eth1
    address: 192.168.77.1
    ${link}
    dhcp: { mode: full, pools: [], ${more.startsWith("logServers") ? more : ""} }
${more.startsWith("logServers") ? "syslog: { port: 514 }" : more}
`;
  /** Option 7 of what is said of the network. */
  function logServerOf(yaml: string): string | null {
    const [link] = configuredLinks(parseConfig(yaml, "test.yaml"), []);
    if (link?.dhcp?.mode !== "full") throw new TypeError("not in mode full");
    const value = networkOptions(link.dhcp).find(([code]) => code === OptionCode.LOG_SERVER)?.[1];
    return value === undefined || value.length === 0 ? null : ip4FromBytes(value);
  }

  it.each([
    ["nothing without it", "", "", null],
    ["us with the usual port", "syslog: { port: 514 }", "", "192.168.77.1"],
    [
      "us by the address that they know",
      "syslog: { port: 514 }",
      "advertise: 10.9.9.9",
      "10.9.9.9",
    ],
    [
      "nothing with another port, which option 7 has no room for",
      "syslog: { port: 1514 }",
      "",
      null,
    ],
    ["whom the link names", "logServers: [10.0.0.7]", "", "10.0.0.7"],
    [
      "what SMEE says in its compatibility",
      "syslog: { port: 514 }\ndhcp: { compatibility: smee }",
      "",
      null,
    ],
  ])("is %s (option 7)", (_, more, link, expected) => {
    expect(logServerOf(text(more, link))).toBe(expected);
  });

  it("holds for networks behind relay agents, too", () => {
    const yaml = `
interfaces:
  - name: eth1
    address: 192.168.77.1
    dhcp: { mode: full, relayed: [{ subnet: 10.1.0.0/24 }, { subnet: 10.2.0.0/24, logServers: [10.2.0.7] }] }
syslog: { port: 514 }
`;
    const [link] = configuredLinks(parseConfig(yaml, "test.yaml"), []);
    expect(link?.dhcp).toMatchObject({
      relayed: [{ full: { logServers: ["192.168.77.1"] } }, { full: { logServers: ["10.2.0.7"] } }],
    });
  });
});
