import { fastify, type FastifyInstance } from "fastify";
import { afterEach, describe, expect, test } from "vitest";
import { listen } from "../../src/http/listen.ts";
import { BindError } from "../../src/lib/errors.ts";
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

  test("an address that is not ours is a BindError that says where to look", async () => {
    const bound = listen(app(), { host: "192.0.2.1", port: 0 }, anyNumber());
    await expect(bound).rejects.toThrow(BindError);
    await expect(bound).rejects.toThrow("ip -4 addr");
  });
});
