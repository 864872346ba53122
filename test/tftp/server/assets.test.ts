import { describe, expect, it } from "vitest";
import { memoryBlob } from "../../../src/lib/blob.ts";
import type { TftpFile, TftpRefusal } from "../../../src/tftp/server/tftp-server.ts";
import { file, servedTftp, told, whole } from "../../support/served-tftp.ts";

const { client, serve } = servedTftp();

function fileOf(name: string, kind: TftpFile["kind"]): TftpFile {
  return { name, kind, blob: memoryBlob(file), isAsked: true };
}

describe("the site's own files", () => {
  it.each([
    ["vmlinuz", "kernel", ["kernel", "kernel-done"]],
    ["initrd.gz", "initramfs", ["initramfs-start", "initramfs-done"]],
    ["a/b.dtb", "asset", ["asset-sent"]],
  ] as const)("%s is reported as %s", async (name, kind, events) => {
    const server = await serve({ find: () => Promise.resolve(fileOf(name, kind)) });
    expect(told(await (await client()).fetch(server.endpoint, name))).toBe(whole);
    expect(await server.event(events.at(-1) ?? "asset-sent")).toMatchObject({
      file: name,
      bytes: file.length,
      address: "127.0.0.1",
    });
    expect(server.eventNames).toEqual(events);
  });

  it("are found under the name that was asked for, in a machine's own folder", async () => {
    const own = fileOf("08-00-27-29-4e-67/config", "asset");
    const asked: unknown[] = [];
    const server = await serve({
      find: (name, _address, { mac }) => {
        asked.push([name, mac]);
        return Promise.resolve(own);
      },
    });
    await (await client()).fetch(server.endpoint, "0800.2729.4e67/config");
    expect(asked).toEqual([["config", "08:00:27:29:4e:67"]]);
    await server.event("asset-sent");
    expect(server.eventNames).toEqual(["asset-sent"]);
  });

  it("may have long names, in folders", async () => {
    const name = `${"a".repeat(200)}/${"b".repeat(200)}`;
    const server = await serve({
      find: (asked) => Promise.resolve(asked === name ? fileOf(name, "asset") : null),
    });
    expect(told(await (await client()).fetch(server.endpoint, name))).toBe(whole);
  });

  it("are refused with the reason in the log, unless another spelling is served", async () => {
    const refusal: TftpRefusal = { kind: "refused", reason: "FILE: a link", asMissing: true };
    const server = await serve({
      find: (name) => Promise.resolve(name === "plain" ? fileOf(name, "asset") : refusal),
    });
    const one = await client();
    expect(await one.fetch(server.endpoint, "other")).toMatchObject({ code: 1 });
    expect(await server.event("tftp-refused")).toMatchObject({
      errorCode: 1,
      reason: "FILE: a link",
    });
    expect(told(await one.fetch(server.endpoint, "PLAIN"))).toBe(whole);
    expect(server.eventNames).toContain("tftp-rescued");
  });

  it("are refused to a machine that may not boot, which is told why", async () => {
    const refusal: TftpRefusal = { kind: "refused", reason: "denied", asMissing: false };
    const server = await serve({ find: () => Promise.resolve(refusal) });
    expect(await (await client()).fetch(server.endpoint, "a")).toMatchObject({
      code: 2,
      message: "denied",
    });
  });
});
