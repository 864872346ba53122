import { Socket } from "node:net";
import { fastify, type FastifyInstance } from "fastify";
import { afterEach, describe, expect, test } from "vitest";
import { setTimeout as sleep } from "node:timers/promises";
import { listen } from "../../src/http/listen.ts";
import { BindError } from "../../src/lib/errors.ts";
import { loadAcceptWaiting } from "../../src/net/batches/waiting-connections.ts";
import { eventually } from "../support/eventually.ts";
import { anyNumber } from "../support/connections.ts";

describe("listen", () => {
  const apps: FastifyInstance[] = [];

  function app(): FastifyInstance {
    const made = fastify();
    apps.push(made);
    return made;
  }

  afterEach(async () => {
    await Promise.all(apps.splice(0).map((made) => made.close()));
  });

  test("tells the port that was really taken", async () => {
    const bound = await listen(app(), { host: "127.0.0.1", port: 0 }, anyNumber());
    expect(bound.host).toBe("127.0.0.1");
    expect(bound.port).toBeGreaterThan(0);
  });

  test("a port in use is a BindError that names it and says how to find its holder", async () => {
    const { port } = await listen(app(), { host: "127.0.0.1", port: 0 }, anyNumber());
    const second = listen(app(), { host: "127.0.0.1", port }, anyNumber());
    await expect(second).rejects.toThrow(BindError);
    await expect(second).rejects.toThrow(`cannot bind TCP 127.0.0.1:${port}`);
    await expect(second).rejects.toThrow(`ss -ltnp 'sport = :${port}'`);
  });

  test("connections that wait are served with the first, and a download on one of them has its time at the end", async () => {
    const made = app();
    const started: string[] = [];
    made.get("/:name", async (request, reply) => {
      started.push(request.url);
      await sleep(50);
      return reply.send(Buffer.alloc(3_000_000, "x"));
    });
    const acceptWaiting = await loadAcceptWaiting();
    const at = { host: "127.0.0.1", port: 0 };
    const bound = await listen(made, at, { ...anyNumber(), acceptWaiting });
    const clients = Array.from({ length: 20 }, (_, n) =>
      fetch(`http://127.0.0.1:${bound.port}/${n}`),
    );
    await eventually(() => expect(started).toHaveLength(20));
    const closing = bound.close(60_000);
    const bodies = await Promise.all(clients.map(async (one) => (await one).arrayBuffer()));
    expect(bodies.map(({ byteLength }) => byteLength)).toEqual(clients.map(() => 3_000_000));
    await closing;
  });

  test("a client that is gone when it is accepted takes no place and is not told of", async () => {
    const gone = [new Socket(), new Socket()];
    const given = anyNumber();
    const refused: string[] = [];
    const bound = await listen(
      app(),
      { host: "127.0.0.1", port: 0 },
      { ...given, refused: (address) => refused.push(address), acceptWaiting: () => gone },
    );
    await fetch(`http://127.0.0.1:${bound.port}/`);
    expect(given.admission.open).toBe(1);
    expect([gone.map(({ destroyed }) => destroyed), refused]).toEqual([[true, true], []]);
  });

  test("an address that is not ours is a BindError that says where to look", async () => {
    const bound = listen(app(), { host: "192.0.2.1", port: 0 }, anyNumber());
    await expect(bound).rejects.toThrow(BindError);
    await expect(bound).rejects.toThrow("ip -4 addr");
  });
});
