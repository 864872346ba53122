import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import type { DhcpPacket } from "../../src/dhcp/wire/packet.ts";
import { ip4ToBytes } from "../../src/lib/ip4.ts";
import { macToBytes } from "../../src/lib/mac.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { readByTftp } from "../../src/pxe-client/wire/tftp-read.ts";
import { firmware, message, type Options, packetWith } from "../support/dhcp.ts";
import { RunningSite, type SiteSettings } from "../support/running-site.ts";
import { ServedSite } from "../support/served-site.ts";

/* Who may boot is one decision, whichever way a machine asks. */

const macs = {
  allowed: "52:54:00:00:00:01",
  denied: "52:54:00:00:00:02",
  "once, not used": "52:54:00:00:00:03",
  "once, used": "52:54:00:00:00:04",
  "denied by a wildcard": "52:54:00:aa:00:05",
  "denied by the API": "52:54:00:00:00:06",
  unknown: "52:54:00:00:00:07",
  "unknown, named by the API": "52:54:00:00:00:08",
  "denied by its UUID, named by the API": "52:54:00:00:00:0c",
  "allowed by its UUID": "52:54:00:00:00:09",
  "denied by its UUID": "52:54:00:00:00:0a",
} as const;
type Who = keyof typeof macs;
const who: readonly Who[] = [
  "allowed",
  "denied",
  "once, not used",
  "once, used",
  "denied by a wildcard",
  "denied by the API",
  "unknown",
  "unknown, named by the API",
  "allowed by its UUID",
  "denied by its UUID",
  "denied by its UUID, named by the API",
];

/** As firmware tells it, by option 97. */
const uuidOf = (mac: string) => `11223344-5566-7788-aabb-${mac.replaceAll(":", "")}`;
const addressOf = (name: Who) => `127.88.2.${who.indexOf(name) + 1}`;

const entries = [
  { mac: macs.allowed },
  { mac: macs.denied, netboot: "deny" },
  { mac: macs["once, not used"], netboot: "once" },
  { mac: macs["once, used"], netboot: "once" },
  { mac: "52:54:00:aa:*", netboot: "deny" },
  { mac: macs["denied by the API"] },
  { uuid: uuidOf(macs["allowed by its UUID"]) },
  { uuid: uuidOf(macs["denied by its UUID"]), netboot: "deny" },
];

const mayBoot: ReadonlySet<Who> = new Set([
  "allowed",
  "once, not used",
  "unknown, named by the API",
  "allowed by its UUID",
]);

let files: ServedSite;
beforeAll(async () => {
  files = await ServedSite.open();
});
afterAll(() => files.close());

/** A running site, and a machine's way of asking it by each protocol: whether it got something to boot. */
class Asked {
  readonly site: RunningSite;
  baseUrl = "";
  /** The user agent of iPXE, or another one. */
  agent = "iPXE/1.21.1";

  private constructor(site: RunningSite) {
    this.site = site;
  }

  static async open(settings: Partial<SiteSettings>): Promise<Asked> {
    const site = await RunningSite.open(files, {
      mode: "proxy",
      compatibility: "standard",
      boot: {},
      nodes: entries,
      trace: null,
      unknown: "deny",
      ...settings,
    });
    const asked = new Asked(site);
    const { emit } = site.events;
    for (const name of who) {
      emit({
        event: "address-learned",
        mac: macs[name],
        address: addressOf(name),
        interface: "lo",
      });
    }
    const [used, address] = [macs["once, used"], addressOf("once, used")];
    emit({ event: "micro-os", mac: used, address, evidence: "dhcp" });
    await asked.patch(macs["denied by the API"], { netboot: "deny" });
    await asked.patch(macs["unknown, named by the API"], { name: "press-8" });
    await asked.patch(macs["denied by its UUID, named by the API"], { name: "press-12" });
    const uuid = uuidOf(macs["denied by its UUID, named by the API"]);
    await asked.decide({ kind: "uuid", value: uuid, netboot: "deny" });
    const file = await asked.dhcp("allowed", firmware.ipxe);
    // From here on it is known by which UUID each machine goes.
    for (const name of who) await asked.dhcp(name, firmware.uefi);
    asked.baseUrl = /^http:\/\/[^/]+/.exec(file)?.[0] ?? "";
    return asked;
  }

  patch(mac: string, body: object): Promise<Response> {
    return this.#send("PATCH", `/api/v1/nodes/${mac}`, body);
  }

  decide(body: object): Promise<Response> {
    return this.#send("POST", "/api/v1/decisions", body);
  }

  #send(method: string, path: string, body: object): Promise<Response> {
    return fetch(`${this.site.adminUrl}${path}`, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
    });
  }

  /** The boot file of the offer; empty when there is none. */
  async dhcp(name: Who, options: Options): Promise<string> {
    const { DISCOVER } = MessageType;
    return this.#ask("server", packetOf(macs[name], message(options, DISCOVER)));
  }

  async port4011(name: Who, options: Options): Promise<string> {
    const request4011 = {
      ...message(options, MessageType.REQUEST),
      [OptionCode.SERVER_IDENTIFIER]: ip4ToBytes(this.site.address),
    };
    return this.#ask("boot-server", packetOf(macs[name], request4011));
  }

  async #ask(role: "server" | "boot-server", packet: DhcpPacket): Promise<string> {
    const type = role === "server" ? MessageType.DISCOVER : MessageType.REQUEST;
    const last = packetOf(macs["unknown, named by the API"], message(firmware.uefi, type));
    const replies = await this.site.ask(role, [packet], last);
    const reply = replies.find(({ xid }) => xid === packet.xid);
    return reply?.file ?? "";
  }

  async tftp(name: Who): Promise<string> {
    const server = { address: this.site.address, port: this.site.tftpPort };
    return readByTftp(openDgram, addressOf(name), server, "ipxe.efi").then(() => "file", String);
  }

  /** `200 #!ipxe …` */
  http(name: Who, path: string): Promise<string> {
    const url = `${this.baseUrl}${path.replace("MAC", macs[name])}`;
    return new Promise((resolve, reject) => {
      const headers = { "user-agent": this.agent };
      const sent = request(url, { localAddress: addressOf(name), headers, agent: false });
      sent.on("error", reject);
      sent.once("response", (response) => {
        let text = "";
        response.setEncoding("latin1").on("data", (chunk: string) => (text += chunk));
        response.once("end", () => resolve(`${response.statusCode} ${text}`));
      });
      sent.end();
    });
  }
}

let xid = 1;
function packetOf(mac: string, options: Options): DhcpPacket {
  const uuid = Uint8Array.of(0, ...Buffer.from(uuidOf(mac).replaceAll("-", ""), "hex"));
  const known = { ...options, [OptionCode.CLIENT_MACHINE_IDENTIFIER]: uuid };
  return packetWith(known, { xid: xid++, chaddr: macToBytes(mac) });
}

const served = (answer: string) => answer.startsWith("200 ");

/** Whether a machine gets something to boot, by each way of asking. */
const ways: Readonly<Record<string, (asked: Asked, name: Who) => Promise<boolean>>> = {
  "port 67, UEFI": async (asked, name) => (await asked.dhcp(name, firmware.uefi)) !== "",
  "port 67, BIOS": async (asked, name) => (await asked.dhcp(name, firmware.bios)) !== "",
  "port 67, iPXE": async (asked, name) => (await asked.dhcp(name, firmware.ipxe)) !== "",
  "port 67, UEFI HTTP boot": async (asked, name) =>
    (await asked.dhcp(name, firmware.uefiHttp)) !== "",
  "port 4011": async (asked, name) => (await asked.port4011(name, firmware.uefi)) !== "",
  TFTP: async (asked, name) => (await asked.tftp(name)) === "file",
  "HTTP, loader of UEFI HTTP boot": async (asked, name) =>
    served(await asked.http(name, "/MAC/ipxe.efi")),
  "HTTP, loader": async (asked, name) => served(await asked.http(name, "/loaders/ipxe.efi")),
  "HTTP, the machine's script": async (asked, name) =>
    (await asked.http(name, "/MAC/boot.ipxe")).includes("vmlinuz"),
  "HTTP, the script by address": async (asked, name) =>
    (await asked.http(name, "/boot.ipxe")).includes("vmlinuz"),
  "HTTP, kernel": async (asked, name) =>
    served(await asked.http(name, "/artifacts/vmlinuz-x86_64")),
};

/** DHCP answers as SMEE does there; what its answers name is under our policy. */
const smeeWays: Readonly<Record<string, (asked: Asked, name: Who) => Promise<boolean>>> = {
  TFTP: async (asked, name) => (await asked.tftp(name)) === "file",
  "SMEE's loader": async (asked, name) =>
    served(await asked.http(name, "/ipxe/binary/MAC/ipxe.efi")),
  "SMEE's script": async (asked, name) =>
    (await asked.http(name, "/ipxe/script/MAC/auto.ipxe")).includes("vmlinuz"),
  "the script": ways["HTTP, the machine's script"] ?? (() => Promise.resolve(false)),
};

const table = (["standard", "smee"] as const).map((compatibility) => ({
  compatibility,
  asks: compatibility === "standard" ? ways : smeeWays,
}));

describe.each(table)("who may boot, by every way of $compatibility", ({ compatibility, asks }) => {
  let asked: Asked;
  beforeAll(async () => {
    asked = await Asked.open({ compatibility });
    if (compatibility === "standard") return;
    const offered = await asked.dhcp("allowed", {
      ...firmware.uefiHttp,
    });
    asked.baseUrl = /^http:\/\/[^/]+/.exec(offered)?.[0] ?? "";
  });
  afterAll(() => asked.site.close());

  test.each(Object.entries(asks))("%s", async (_, ask) => {
    const booted: Who[] = [];
    for (const name of who) if (await ask(asked, name)) booted.push(name);
    expect(booted).toEqual(who.filter((name) => mayBoot.has(name)));
  });
});

test("a decision holds at once, and the word of the nodes file again when it is taken back", async () => {
  const asked = await Asked.open({});
  const boots = async () => (await asked.dhcp("allowed", firmware.uefi)) !== "";
  await asked.patch(macs.allowed, { netboot: "deny" });
  expect(await boots()).toBe(false);
  await asked.patch(macs.allowed, { netboot: null });
  expect(await boots()).toBe(true);
  await asked.site.close();
});

describe("a machine that may not boot goes on to its disk", () => {
  const file = "/MAC/ipxe.efi";
  const script = "/MAC/boot.ipxe";

  async function answers(localBoot: string, agent?: string): Promise<Record<string, string>> {
    const asked = await Asked.open({ boot: { localBoot } });
    asked.agent = agent ?? asked.agent;
    const short = async (answer: Promise<string>) => (await answer).slice(0, 9).trim();
    const seen = {
      offer: await asked.dhcp("denied", firmware.uefi),
      ipxe: (await asked.dhcp("denied", firmware.ipxe)).replace(asked.baseUrl, ""),
      tftp: (await asked.tftp("denied")).replace(/^.*error (\d).*$/s, "error $1"),
      loader: await short(asked.http("denied", file)),
      script: await short(asked.http("denied", script)),
      kernel: await short(asked.http("denied", "/artifacts/vmlinuz-x86_64")),
    };
    const does = await asked.http("denied", script);
    expect(does).not.toContain("vmlinuz");
    expect(does.includes("sanboot")).toBe(localBoot === "sanboot");
    await asked.site.close();
    return seen;
  }

  const nothing = { offer: "", ipxe: "", loader: "403 this", kernel: "403 this" };
  const iPxe = { offer: "ipxe.efi", ipxe: `/${macs.denied}/boot.ipxe`, tftp: "file" };

  test("auto: it is offered nothing, and iPXE that comes all the same gets a script that exits", async () => {
    expect(await answers("auto")).toMatchObject({ ...nothing, script: "200 #!ipx" });
    expect(await answers("auto", "curl/8")).toMatchObject({ ...nothing, script: "403 this" });
  });

  test("silent: it is offered nothing, and refused what it asks for", async () => {
    expect(await answers("silent")).toMatchObject({ ...nothing, script: "403 this" });
  });

  test.each(["exit", "sanboot"])("%s: it gets iPXE, and a script that does so", async (way) => {
    const seen = await answers(way);
    expect(seen).toMatchObject({ ...iPxe, script: "200 #!ipx", kernel: "403 this" });
    expect(seen["loader"]).toMatch(/^200 /);
  });

  test("not-found: it gets an offer, and no file", async () => {
    expect(await answers("not-found")).toMatchObject({
      ...iPxe,
      tftp: expect.stringMatching(/no such file|not found|error 1/i),
      loader: "404 not f",
      script: "404 not f",
      kernel: "404 not f",
    });
  });
});

test("a machine whose entry names its serial number gets iPXE, tells its own, and is decided on then", async () => {
  const nodes = [{ serial: "SN1" }, { serial: "SN2", netboot: "deny" }];
  const asked = await Asked.open({ nodes });
  expect(await asked.dhcp("unknown", firmware.uefi)).toBe("ipxe.efi");
  const script = await asked.http("unknown", "/MAC/boot.ipxe");
  expect(script).toContain(`/${macs.unknown}/boot.ipxe?mac=\${mac:hexhyp}&uuid=\${uuid}&serial=`);
  const of = (serial: string) => asked.http("unknown", `/MAC/boot.ipxe?serial=${serial}`);
  expect(await of("SN1")).toContain("vmlinuz");
  expect(await of("SN2")).toMatch(/^200 #!ipxe[^]*exit 1/);
  expect(await of("")).toMatch(/^200 #!ipxe[^]*exit 1/);
  await asked.site.close();
});

test("silent: a machine that was offered iPXE to tell its serial number, and is denied by that, gets a script that exits", async () => {
  const nodes = [{ serial: "SN2", netboot: "deny" }];
  const asked = await Asked.open({ nodes, boot: { localBoot: "silent" } });
  const script = () => asked.http("unknown", "/MAC/boot.ipxe?serial=SN2");
  expect(await asked.dhcp("unknown", firmware.uefi)).toBe("ipxe.efi");
  expect(await script()).toMatch(/^200 #!ipxe[^]*exit 1/);
  asked.agent = "curl/8";
  expect(await script()).toMatch(/^403 /);
  await asked.site.close();
});

test("silent: in SMEE's compatibility it is refused its script as before", async () => {
  const nodes = [...entries, { serial: "SN2", netboot: "deny" }];
  const asked = await Asked.open({ nodes, compatibility: "smee", boot: { localBoot: "silent" } });
  asked.baseUrl =
    /^http:\/\/[^/]+/.exec(await asked.dhcp("allowed", firmware.uefiHttp))?.[0] ?? asked.baseUrl;
  expect(await asked.http("unknown", "/MAC/boot.ipxe?serial=SN2")).toMatch(/^403 /);
  await asked.site.close();
});

test.each(["silent", "not-found", "exit"] as const)(
  "%s: a machine that was denied by its serial number once is denied by DHCP from then on",
  async (localBoot) => {
    const nodes = [{ serial: "SN2", netboot: "deny" }];
    const asked = await Asked.open({ nodes, unknown: "allow", boot: { localBoot } });
    const denies = async (name: Who) =>
      localBoot === "silent"
        ? (await asked.dhcp(name, firmware.uefi)) === ""
        : asked.http(name, "/MAC/boot.ipxe").then((text) => !text.includes("serial="));
    expect(await denies("unknown")).toBe(false);
    await asked.http("unknown", "/MAC/boot.ipxe?serial=SN2");
    expect(await denies("unknown")).toBe(true);
    // Another one says so of a machine that it is not.
    await asked.http("unknown", `/${macs.allowed}/boot.ipxe?serial=SN2`);
    expect(await denies("allowed")).toBe(false);
    // What was decided on its serial number is decided anew by that.
    await asked.decide({ kind: "serial", value: "SN2", netboot: "allow" });
    expect(await asked.dhcp("unknown", firmware.uefi)).toBe("ipxe.efi");
    expect(await asked.http("unknown", "/MAC/boot.ipxe")).toContain("vmlinuz");
    await asked.site.close();
  },
);

test("a machine that told its serial number is known by it, also where its request tells nothing", async () => {
  const nodes = [{ serial: "SN1" }, { serial: "SN2", netboot: "deny" }];
  const asked = await Asked.open({ nodes });
  const told = (name: Who) => ({ uuid: null, generation: null, address: addressOf(name) });
  const { emit } = asked.site.events;
  emit({ event: "script", mac: macs.allowed, serial: "SN1", ...told("allowed") });
  emit({ event: "script", mac: macs.denied, serial: "SN2", ...told("denied") });
  expect(await asked.http("allowed", "/MAC/boot.ipxe")).toContain("vmlinuz");
  expect(await asked.http("denied", "/MAC/boot.ipxe")).toMatch(/^200 #!ipxe[^]*exit 1/);
  await asked.site.close();
});
