import { afterEach, describe, expect, test } from "vitest";
import { BootPort, orchestratorScript } from "../../../support/boot-port.ts";

let port: BootPort;
let isSigned: boolean;
let looks: number;
afterEach(() => port.close());

async function openWith(imgverify: "auto" | "required" | "off"): Promise<void> {
  isSigned = false;
  looks = 0;
  port = new BootPort({ imgverify });
  port.addGeneration("g1", { "boot.ipxe": orchestratorScript });
  const generation = port.generations.get("g1");
  if (generation === undefined) throw new Error("there is no generation");
  const look = () => {
    looks += 1;
    return Promise.resolve(isSigned);
  };
  port.generations.set("g1", { ...generation, isSigned: look });
  await port.open();
}

/** By the quick way, and with a header that it does not know. */
async function script(): Promise<{ readonly status: number; readonly text: string }> {
  const quick = await fetch(`${port.url}/boot.ipxe`);
  const usual = await fetch(`${port.url}/boot.ipxe`, { headers: { dnt: "1" } });
  const [text, again] = [await quick.text(), await usual.text()];
  expect([usual.status, again]).toEqual([quick.status, text]);
  return { status: quick.status, text };
}

describe("boot.ipxe with boot.imgverify", () => {
  test("auto asks for signatures as soon as somebody has signed, and looks once in two seconds", async () => {
    await openWith("auto");
    expect((await script()).text).not.toContain("imgverify");
    expect((await script()).text).not.toContain("imgverify");
    expect(looks).toBe(1);
    isSigned = true;
    port.nowMs += 2000;
    const { text } = await script();
    expect(text).toContain("imgverify vmlinuz-${arch} ${download-url}/vmlinuz-${arch}.sig");
    expect(text).toContain("imgverify initramfs-${arch} ${download-url}/initramfs-${arch}.sig");
    expect(looks).toBe(2);
  });

  test("required has no script before somebody has signed, and says what to do", async () => {
    await openWith("required");
    const refused = await script();
    expect(refused.status).toBe(503);
    expect(refused.text).toContain("eim-pxe artifacts sign");
    expect(port.named("http-refused")).toMatchObject([{ status: 503 }, { status: 503 }]);
    isSigned = true;
    port.nowMs += 2000;
    expect((await script()).text).toContain("goto eim-failed\n:eim-check\n");
  });

  test("off asks for none, whatever is there", async () => {
    await openWith("off");
    isSigned = true;
    expect((await script()).text).not.toContain("imgverify");
    expect(looks).toBe(0);
  });
});
