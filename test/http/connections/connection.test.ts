import { once } from "node:events";
import { createServer as createHttpServer } from "node:http";
import { connect, createServer, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import { Connection } from "../../../src/http/connections/connection.ts";
import { SendQueues } from "../../../src/http/connections/send-queues.ts";
import { received } from "../../support/connections.ts";

const get = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const idleMs = 200;

describe("a connection", () => {
  const served: Connection[] = [];
  let answer: () => string | Promise<string> = () => "answer";
  let sendQueues: () => Promise<string> = () => Promise.resolve("");
  const http = createHttpServer((request, response) => {
    request.resume().once("end", async () => response.end(await answer()));
  });
  http.prependListener("request", (request, response) => {
    if (request.socket instanceof Connection) request.socket.begin(request, response);
  });
  const tcp = createServer({ allowHalfOpen: true }, (socket) => {
    const connection = new Connection(socket, {
      timeouts: { headerMs: 200, bodyMs: 200, idleMs },
      sendQueues: new SendQueues(() => sendQueues(), 0),
      busy: () => {},
      idle: () => {},
    });
    served.push(connection);
    http.emit("connection", connection);
  });

  async function open(): Promise<Socket> {
    if (!tcp.listening) await once(tcp.listen(0, "127.0.0.1"), "listening");
    const address = tcp.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    return connect(port, "127.0.0.1").on("error", () => {});
  }

  beforeEach(() => {
    answer = () => "answer";
    sendQueues = () => Promise.resolve("");
  });
  afterAll(() => tcp.close());

  test("whose client sends no more after its request is answered all the same", async () => {
    const socket = await open();
    socket.end(get);
    expect(await received(socket)).toMatch(/answer$/);
  });

  test("is closed when a header does not end in time, however many bytes come", async () => {
    const socket = await open();
    const all = received(socket);
    const trickle = setInterval(() => socket.write("x"), 20);
    socket.write("GET / HTTP/1.1\r\nHost: x\r\nX: ");
    expect(await all).toMatch(/^HTTP\/1\.1 408 /);
    clearInterval(trickle);
  });

  test("is closed when a body does not end in time", async () => {
    const socket = await open();
    socket.write("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf");
    expect(await received(socket)).toMatch(/^HTTP\/1\.1 408 /);
  });

  test.each(["", get])("on which nothing happens is closed, after %j", async (text) => {
    const socket = await open();
    socket.write(text);
    expect(await received(socket)).toMatch(text === "" ? /^$/ : /answer$/);
  });

  test("is not closed for the time that an answer takes", async () => {
    answer = async () => {
      await sleep(idleMs * 3);
      return "late";
    };
    const socket = await open();
    socket.write(get);
    expect(await received(socket)).toMatch(/late$/);
  });

  test("whose client takes nothing more of an answer is closed", async () => {
    answer = () => "x".repeat(64 * 1024 * 1024);
    const socket = await open();
    socket.pause().write(get);
    await expect.poll(() => served.at(-1)?.destroyed, { timeout: 10_000 }).toBe(true);
    socket.destroy();
  });

  test("whose client takes an answer slowly is not closed", async () => {
    answer = () => "x".repeat(64 * 1024 * 1024);
    let looks = 0;
    const socket = await open();
    sendQueues = () => {
      looks += 1;
      const port = (number = 0) => `0100007F:${number.toString(16).padStart(4, "0").toUpperCase()}`;
      const ends = `${port(served.at(-1)?.localPort)} ${port(socket.localPort)}`;
      return Promise.resolve(`   7: ${ends} 01 0000${2000 - looks}:00000000 01:00000000 0\n`);
    };
    socket.pause().write(get);
    await expect.poll(() => looks, { timeout: 15_000 }).toBeGreaterThan(3);
    expect(served.at(-1)?.destroyed).toBe(false);
    socket.destroy();
  });

  test("that is to be closed is, at once when idle, else after its answer", async () => {
    const socket = await open();
    socket.write(get);
    await once(socket, "data");
    for (const connection of served) connection.finishUp();
    await once(socket, "close");
    expect(served.every(({ destroyed }) => destroyed)).toBe(true);
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
  await expect.poll(() => new SendQueues().of(...ends)).toBeGreaterThan(1000);
  expect(await new SendQueues().of(ends[1], { ...ends[0], port: 1 })).toBeNull();
  client.destroy();
  server.close();
});
