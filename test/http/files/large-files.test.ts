import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BootPort } from "../../support/boot-port.ts";

const gibibyte = 1024 ** 3;
const name = "initramfs-x86_64";
let port: BootPort;

/** A sparse file of zeros with sixteen bytes, each another one, around each of these offsets. */
function sparse(path: string, size: number, marks: readonly number[]): void {
  const file = openSync(path, "w");
  ftruncateSync(file, size);
  for (const mark of marks) writeSync(file, marked(), 0, 16, mark - 8);
  closeSync(file);
}

function marked(): Uint8Array {
  return Uint8Array.from({ length: 16 }, (_, index) => index + 1);
}

beforeEach(async () => {
  port = new BootPort();
  await port.open();
});
afterEach(() => port.close());

describe.each([
  ["1.2 GB", 1_200_000_000, [gibibyte]],
  ["4.5 GB", 4_500_000_000, [2 * gibibyte, 4 * gibibyte]],
])("a file of %s", (_what, size, marks) => {
  beforeEach(() => {
    const path = join(port.folder, name);
    sparse(path, size, marks);
    const file = { path, size, sha256: "0".repeat(64) };
    port.generations.set("g1", { id: "g1", file: (asked) => (asked === name ? file : null) });
    port.currentGeneration = "g1";
  });

  const get = (headers: Record<string, string>, method = "GET") =>
    fetch(`${port.url}/artifacts/${name}`, { method, headers });

  test("has its length", async () => {
    const { headers } = await get({}, "HEAD");
    expect(headers.get("content-length")).toBe(String(size));
  });

  test.each(marks)("is right to the byte across %i", async (mark) => {
    const reply = await get({ range: `bytes=${mark - 9}-${mark + 8}` });
    expect(reply.status).toBe(206);
    expect(reply.headers.get("content-range")).toBe(`bytes ${mark - 9}-${mark + 8}/${size}`);
    expect(new Uint8Array(await reply.arrayBuffer())).toEqual(Uint8Array.of(0, ...marked(), 0));
  });

  test("can be asked for its end, and for no more", async () => {
    const last = await get({ range: "bytes=-5" });
    expect(last.headers.get("content-range")).toBe(`bytes ${size - 5}-${size - 1}/${size}`);
    expect((await last.arrayBuffer()).byteLength).toBe(5);
    const beyond = await get({ range: `bytes=${size}-` });
    expect(beyond.status).toBe(416);
  });

  test("goes on in many pieces across the last mark", async () => {
    const first = (marks.at(-1) ?? 0) - 4_000_000;
    const reply = await get({ range: `bytes=${first}-${first + 7_999_999}` });
    const bytes = new Uint8Array(await reply.arrayBuffer());
    expect(bytes.byteLength).toBe(8_000_000);
    expect(bytes.subarray(4_000_000 - 8, 4_000_000 + 8)).toEqual(marked());
    expect(bytes.findIndex((byte) => byte !== 0)).toBe(4_000_000 - 8);
  });
});
