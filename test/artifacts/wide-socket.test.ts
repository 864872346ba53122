import { once } from "node:events";
import type { Socket } from "node:net";
import { connect, createServer, type Server, type TLSSocket } from "node:tls";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { WideSocket } from "../../src/artifacts/wide-socket.ts";
import { makeCertificate } from "../../src/demo/certificate.ts";
import { randomBytes, randomNumbers } from "../support/random.ts";

const MIB = 1024 * 1024;
const content = Buffer.from(randomBytes(randomNumbers(7), 3 * MIB + 777));

let server: Server;
let wide: WideSocket;
let peer: TLSSocket;
/** What is below the peer's TLS. */
let cable: Socket;
beforeEach(async () => {
  const { key, cert } = await makeCertificate(["localhost"], Date.now());
  server = createServer({ key, cert });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  wide = new WideSocket();
  server.once("connection", (socket: Socket) => (cable = socket));
  const accepted = new Promise<TLSSocket>((resolve) => server.once("secureConnection", resolve));
  const options = { host: "127.0.0.1", port, ca: cert };
  // Its types do not know it.
  const filling = { onread: wide.onread };
  const own = connect({ ...options, ...filling });
  await once(own, "secureConnect");
  wide.attach(own);
  peer = await accepted;
  // What is cut off here is no news.
  peer.on("error", () => {});
});
afterEach(async () => {
  wide.destroy();
  peer.destroy();
  server.close();
  await once(server, "close");
});

async function pieces(): Promise<Buffer[]> {
  const all: Buffer[] = [];
  for await (const piece of wide as AsyncIterable<Buffer>) all.push(piece);
  return all;
}

describe("WideSocket", () => {
  it("hands on what came, in far fewer pieces than TLS has records", async () => {
    peer.end(content);
    const all = await pieces();
    expect(Buffer.concat(all).equals(content)).toBe(true);
    expect(all.length).toBeLessThan(content.length / 16_384 / 2);
  });

  it("does not keep a little that came waiting for more", async () => {
    for (const word of ["first", "second"]) {
      peer.write(word);
      const [piece]: unknown[] = await once(wide, "data");
      expect(String(piece)).toBe(word);
    }
  });

  it.each([
    ["is reset", () => cable.resetAndDestroy()],
    ["is cut off", () => cable.destroy()],
  ])("hands on what came before the connection %s", async (_, cut) => {
    const got: Buffer[] = [];
    wide.on("data", (piece: Buffer) => got.push(piece));
    wide.on("error", () => {});
    const closed = new Promise<void>((resolve) => wide.once("close", resolve));
    peer.write(content.subarray(0, 200_000));
    await once(wide, "data");
    cut();
    await closed;
    const came = Buffer.concat(got);
    expect(came.length).toBeGreaterThan(0);
    expect(came.equals(content.subarray(0, came.length))).toBe(true);
  });

  it("hands on all that came right before the end", async () => {
    peer.write(content.subarray(0, 200_000), () => peer.destroy());
    const all = await pieces().catch(() => []);
    expect(Buffer.concat(all).equals(content.subarray(0, 200_000))).toBe(true);
  });

  it("holds the sender up while nobody reads, and loses nothing by it", async () => {
    const much = Buffer.concat(Array.from({ length: 32 }, () => content));
    wide.on("readable", () => {});
    peer.end(much);
    await sleep(300);
    expect(wide.readableLength).toBeLessThan(4 * MIB);
    expect(peer.writableLength).toBeGreaterThan(0);
    wide.removeAllListeners("readable");
    expect(Buffer.concat(await pieces()).equals(much)).toBe(true);
  });

  it("sends, and ends what it sends", async () => {
    const got: Buffer[] = [];
    peer.on("data", (piece: Buffer) => got.push(piece));
    const ended = once(peer, "end");
    wide.end(content);
    await ended;
    expect(Buffer.concat(got).equals(content)).toBe(true);
  });

  it("says when nothing came for so long", async () => {
    wide.setTimeout(50);
    await expect(once(wide, "timeout")).resolves.toEqual([]);
  });

  it("is closed with the connection below it", async () => {
    wide.resume();
    const closed = once(wide, "close");
    peer.destroy();
    await closed;
    expect(wide.destroyed).toBe(true);
  });
});
