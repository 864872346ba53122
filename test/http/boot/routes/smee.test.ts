import { afterEach, describe, expect, it } from "vitest";
import type { SmeeFlavour } from "../../../../src/boot/smee-layout.ts";
import { BootPort, orchestratorScript } from "../../../support/boot-port.ts";

const mac = "08:00:27:29:4e:67";
const trace = "-00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const ports: BootPort[] = [];

async function openPort(smee: SmeeFlavour | null): Promise<BootPort> {
  const port = new BootPort({ smee });
  ports.push(port);
  port.write("loaders/ipxe.efi", "MZ loader");
  await port.open();
  return port;
}

afterEach(async () => {
  for (const port of ports.splice(0)) await port.close();
});

async function ask(port: BootPort, url: string) {
  const reply = await fetch(port.url + url);
  return { status: reply.status, text: await reply.text() };
}

describe("SMEE's loader URLs", () => {
  it.each([
    ["smee", `/ipxe/binary/${mac}/ipxe.efi`],
    ["smee", "/ipxe/binary/ipxe.efi"],
    ["smee", "/ipxe/binary/x/y/ipxe.efi"],
    ["smee-standalone", `/ipxe/${mac}/ipxe.efi`],
    ["smee-standalone", "/ipxe/ipxe.efi"],
    ["smee", `/ipxe/binary/${mac}/ipxe.efi${trace}`],
    ["smee-standalone", `/ipxe/${mac}/ipxe.efi${trace}`],
  ] as const)("%s serves %s", async (flavour, url) => {
    expect(await ask(await openPort(flavour), url)).toEqual({ status: 200, text: "MZ loader" });
  });

  it.each([
    ["smee", `/ipxe/binary/${mac}/autoexec.ipxe`],
    ["smee-standalone", `/ipxe/${mac}/autoexec.ipxe`],
  ] as const)(
    "%s has the script beside them that a modern iPXE looks for: %s",
    async (flavour, url) => {
      const port = await openPort(flavour);
      expect((await ask(port, url)).text).toContain(`${port.url}/boot.ipxe`);
      expect(port.events).toMatchObject([{ event: "autoexec", mac }]);
    },
  );

  it("calls a loader by its type whatever trace its name carries: UEFI goes by that", async () => {
    const port = await openPort("smee");
    const reply = await fetch(`${port.url}/ipxe/binary/${mac}/ipxe.efi${trace}`);
    expect(reply.headers.get("content-type")).toBe("application/efi");
  });

  it.each(["POST", "PUT", "DELETE"])("are not for %s", async (method) => {
    const port = await openPort("smee");
    const reply = await fetch(`${port.url}/ipxe/binary/ipxe.efi`, { method });
    expect(reply.status).toBe(405);
    expect(reply.headers.get("allow")).toBe("GET, HEAD");
  });

  it("serves no other file of that folder", async () => {
    const port = await openPort("smee");
    expect((await ask(port, `/ipxe/binary/${mac}/none.efi`)).status).toBe(404);
    expect((await ask(port, "/ipxe/binary/..%2f..%2fetc%2fpasswd")).status).toBe(404);
  });

  it("knows them in that compatibility only", async () => {
    expect((await ask(await openPort(null), `/ipxe/binary/${mac}/ipxe.efi`)).status).toBe(404);
    expect(
      (await ask(await openPort("smee-standalone"), `/ipxe/binary/${mac}/none.efi`)).status,
    ).toBe(404);
  });
});

describe("SMEE's script URLs", () => {
  it.each([
    ["smee", `/ipxe/script/${mac}/auto.ipxe`],
    ["smee", "/ipxe/script/08-00-27-29-4E-67/auto.ipxe"],
    ["smee-standalone", `/${mac}/auto.ipxe`],
  ] as const)("%s serves %s to the machine that it names", async (flavour, url) => {
    const port = await openPort(flavour);
    port.addGeneration("000001", { "boot.ipxe": orchestratorScript });
    const { status, text } = await ask(port, url);
    expect(status).toBe(200);
    expect(text).toMatch(/^#!ipxe/);
    expect(port.events).toContainEqual(expect.objectContaining({ event: "script", mac }));
  });

  it.each([
    ["smee", "/ipxe/script/auto.ipxe"],
    ["smee-standalone", "/auto.ipxe"],
  ] as const)("%s serves %s by the address of who asks", async (flavour, url) => {
    const port = await openPort(flavour);
    port.addGeneration("000001", { "boot.ipxe": orchestratorScript });
    port.sessions.learnAddress(mac, "127.0.0.1");
    expect((await ask(port, url)).status).toBe(200);
    expect(port.events).toContainEqual(expect.objectContaining({ event: "script", mac }));
  });

  it("takes only SMEE's forms of a MAC for one: bare digits are a folder like any other", async () => {
    const port = await openPort("smee");
    port.addGeneration("000001", { "boot.ipxe": orchestratorScript });
    const other = "52:54:00:00:00:01";
    port.sessions.learnAddress(other, "127.0.0.1");
    expect((await ask(port, "/ipxe/script/080027294e67/auto.ipxe")).status).toBe(200);
    expect((await ask(port, "/ipxe/script/0800.2729.4e67/auto.ipxe")).status).toBe(200);
    const macs = port.named("script").map((event) => "mac" in event && event.mac);
    expect(macs).toEqual([other, mac]);
  });

  it("of the stand-alone one are served in every folder", async () => {
    const port = await openPort("smee-standalone");
    port.addGeneration("000001", { "boot.ipxe": orchestratorScript });
    expect((await ask(port, `/a/b/${mac}/auto.ipxe`)).status).toBe(200);
    expect(port.events).toContainEqual(expect.objectContaining({ event: "script", mac }));
    expect((await ask(port, "/a/b/c/other.ipxe")).status).toBe(404);
  });

  it("serves no other name there", async () => {
    const port = await openPort("smee");
    port.addGeneration("000001", { "boot.ipxe": orchestratorScript });
    expect((await ask(port, `/ipxe/script/${mac}/other.ipxe`)).status).toBe(404);
  });
});
