import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Connection } from "../../../src/http/connections/connection.ts";
import { ParserTurns } from "../../../src/http/connections/parser-turns.ts";
import { SendQueues } from "../../../src/http/connections/send-queues.ts";
import { received } from "../../support/connections.ts";

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
/** Never over by themselves: the tests move the clock of headers and bodies, and say themselves that a socket was silent. */
const timeouts = { headerMs: 15_000, bodyMs: 15_000, idleMs: 600_000 };
const hang = { timeout: 45_000, interval: 2 };

describe("a connection", () => {
  /** Each as the server has it, the latest last. */
  const served: { readonly connection: Connection; readonly socket: Socket }[] = [];
  let answer: () => string | Promise<string> = () => "answer";
  /** Whether a request is answered before its body. */
  let isEarly = false;
  let answered = 0;
  /** How often the kernel's send queue was looked at. */
  let looks = 0;
  let sendQueues: () => string = () => "";
  /** Of a clock that moves with each look, so that a turn of the event loop has room for one piece. */
  let nowMs = 0;
  const turns = new ParserTurns({ now: () => (nowMs += 1) });
  const http = createHttpServer((request, response) => {
    const end = async () => response.end(await answer());
    if (isEarly) void end();
    else request.resume().once("end", end);
  });
  http.prependListener("request", (request, response) => {
    if (request.socket instanceof Connection) request.socket.begin(request, response);
  });
  const tcp = createServer({ allowHalfOpen: true }, (socket) => {
    const read = () => {
      looks += 1;
      return Promise.resolve(sendQueues());
    };
    const connection = new Connection(socket, {
      timeouts,
      // Each look reads anew.
      sendQueues: new SendQueues(read, -1),
      turns,
      busy: () => {},
      quick: null,
      idle: () => (answered += 1),
    });
    served.push({ connection, socket });
    http.emit("connection", connection);
  });

  async function open(): Promise<Socket> {
    if (!tcp.listening) await once(tcp.listen(0, "127.0.0.1"), "listening");
    const address = tcp.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const before = served.length;
    const socket = connect(port, "127.0.0.1").on("error", () => {});
    await expect.poll(() => served.length, hang).toBe(before + 1);
    return socket;
  }

  /** Writes it, and resolves when the server has received it. */
  async function sent(socket: Socket, text: string): Promise<void> {
    const before = latest().socket.bytesRead;
    socket.write(text);
    await expect.poll(() => latest().socket.bytesRead, hang).toBe(before + text.length);
  }

  function latest(): (typeof served)[number] {
    const last = served.at(-1);
    if (last === undefined) throw new Error("nothing was opened");
    return last;
  }

  /** As if nothing had come and gone for `idleMs`; resolves when that was judged. */
  async function silence(): Promise<void> {
    latest().socket.emit("timeout");
    for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
  }

  /** An answer of which the client takes no more than fits into the buffers of the two systems. */
  async function askForMuch(): Promise<Socket> {
    answer = () => "x".repeat(32 * 1024 * 1024);
    const socket = await open();
    socket.pause().write(get);
    await expect.poll(() => latest().connection.writableLength, hang).toBeGreaterThan(0);
    return socket;
  }

  beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    answer = () => "answer";
    isEarly = false;
    [answered, looks] = [0, 0];
    sendQueues = () => "";
  });
  afterEach(() => vi.useRealTimers());
  afterAll(() => tcp.close());

  test("whose client sends no more after its request is answered all the same", async () => {
    const socket = await open();
    socket.end(get);
    expect(await received(socket)).toMatch(/answer$/);
  });

  test("is closed when a header does not end in time, however many bytes come", async () => {
    const socket = await open();
    const all = received(socket);
    await sent(socket, "GET / HTTP/1.1\r\nHost: x\r\nX: ");
    for (let second = 1; second < 15; second += 1) {
      vi.advanceTimersByTime(1000);
      await sent(socket, "x");
    }
    expect(latest().connection.destroyed).toBe(false);
    vi.advanceTimersByTime(1000);
    expect(await all).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("is closed when a body does not end in time", async () => {
    const socket = await open();
    const all = received(socket);
    await sent(socket, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf");
    vi.advanceTimersByTime(14_999);
    expect(latest().connection.destroyed).toBe(false);
    vi.advanceTimersByTime(1);
    expect(await all).toMatch(/^HTTP\/1\.1 408 /);
  });

  /** A request that is answered before the 9 bytes of its body. */
  async function answeredEarly(): Promise<{ socket: Socket; all: Promise<string> }> {
    isEarly = true;
    const socket = await open();
    const all = received(socket);
    await sent(socket, "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n");
    await expect.poll(() => answered, hang).toBe(1);
    return { socket, all };
  }

  test.each([0, 8])(
    "is closed when a body does not end in time of which %d bytes come behind the answer",
    async (bytes) => {
      const { socket, all } = await answeredEarly();
      for (let byte = 0; byte < bytes; byte += 1) {
        vi.advanceTimersByTime(1000);
        await sent(socket, "x");
      }
      vi.advanceTimersByTime(14_999 - bytes * 1000);
      expect(latest().connection.destroyed).toBe(false);
      vi.advanceTimersByTime(1);
      expect(latest().connection.writableEnded).toBe(true);
      // No more than the answer.
      expect((await all).match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200"]);
    },
  );

  test("stays open when a body ends behind the answer, for another request", async () => {
    const { socket, all } = await answeredEarly();
    await sent(socket, "123456789");
    vi.advanceTimersByTime(60_000);
    socket.end(get);
    expect((await all).match(/HTTP\/1\.1 \d+/g)).toEqual(["HTTP/1.1 200", "HTTP/1.1 200"]);
  });

  test("on which nothing happens is closed, before a request", async () => {
    const socket = await open();
    const all = received(socket);
    await silence();
    expect(await all).toBe("");
  });

  test("on which nothing happens is closed, after a request", async () => {
    const socket = await open();
    socket.write(get);
    await expect.poll(() => answered, hang).toBe(1);
    await silence();
    await once(socket.resume(), "close");
    expect(latest().connection.destroyed).toBe(true);
  });

  test("is not closed for the time that an answer takes", async () => {
    let end: (text: string) => void = () => {};
    answer = () => new Promise((resolve) => (end = resolve));
    const socket = await open();
    const all = received(socket);
    await sent(socket, get);
    for (let time = 0; time < 3; time += 1) await silence();
    vi.advanceTimersByTime(600_000);
    end("late");
    await once(socket, "data");
    socket.end();
    expect(await all).toMatch(/late$/);
  });

  test("whose client takes nothing more of an answer is closed", async () => {
    const socket = await askForMuch();
    await silence();
    expect(latest().connection.destroyed).toBe(false);
    await silence();
    expect(latest().connection.destroyed).toBe(true);
    socket.destroy();
  });

  test("whose client takes an answer slowly is not closed", async () => {
    const socket = await askForMuch();
    sendQueues = () => {
      const port = (number = 0) => `0100007F:${number.toString(16).padStart(4, "0").toUpperCase()}`;
      const ends = `${port(latest().connection.localPort)} ${port(socket.localPort)}`;
      return `   7: ${ends} 01 0000${2000 - looks}:00000000 01:00000000 0\n`;
    };
    for (let time = 0; time < 5; time += 1) await silence();
    expect(looks).toBe(5);
    expect(latest().connection.destroyed).toBe(false);
    socket.destroy();
  });

  test("that is to be closed is, at once when idle, else after its answer", async () => {
    const socket = await open();
    socket.write(get);
    await once(socket, "data");
    for (const { connection } of served) connection.finishUp();
    await once(socket, "close");
    expect(served.every(({ connection }) => connection.destroyed)).toBe(true);
  });

  test.each([
    ["requests", get.repeat(60), 60],
    ["empty lines", `${"\r\n".repeat(60)}${get}`, 61],
    [
      "lines of a body",
      `POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\n${"\n".repeat(60)}`,
      61,
    ],
  ])("lets others have their turns between %s that were sent ahead", async (_, text, pieces) => {
    const given: number[] = [];
    let turn = 0;
    let ticking = true;
    const tick = (): void => {
      turn += 1;
      if (ticking) setImmediate(tick);
    };
    const sockets = [await open(), await open()];
    for (const { connection } of served.slice(-2)) connection.on("data", () => given.push(turn));
    tick();
    for (const socket of sockets) socket.write(text);
    await expect.poll(() => given.length, hang).toBe(2 * pieces);
    ticking = false;
    const inOneTurn = given.map((one) => given.filter((other) => other === one).length);
    // Of each of the two what its read brought first, and one of what waits.
    expect(Math.max(...inOneTurn)).toBeLessThanOrEqual(3);
    for (const socket of sockets) socket.destroy();
  });

  test("takes what is no HTTP for what it is", async () => {
    const socket = await open();
    socket.write(`${get}\0\r\n\r\n`);
    expect(await received(socket)).toMatch(/^HTTP\/1\.1 200 [\s\S]*HTTP\/1\.1 400 /);
  });
});

test("the kernel's send queue of a connection is what it says", async () => {
  const server = createServer((socket) => {
    socket.on("error", () => {}).write(Buffer.alloc(64 * 1024 * 1024));
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  const address = server.address();
  const port = typeof address === "object" ? (address?.port ?? 0) : 0;
  const client = connect(port, "127.0.0.1").pause();
  await once(client, "connect");
  const ends = [
    { address: "127.0.0.1", port },
    { address: "127.0.0.1", port: client.localPort ?? 0 },
  ] as const;
  await expect.poll(() => new SendQueues().of(...ends), hang).toBeGreaterThan(1000);
  expect(await new SendQueues().of(ends[1], { ...ends[0], port: 1 })).toBeNull();
  client.destroy();
  server.close();
});
