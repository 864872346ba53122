import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { createServer, type Socket } from "node:net";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import {
  type AcceptWaiting,
  loadAcceptWaiting,
} from "../../../src/net/batches/waiting-connections.ts";
import { eventually } from "../../support/eventually.ts";

/* Real connections, made by another process while this one's event loop stands still. */

let acceptWaiting: AcceptWaiting | null;
beforeAll(async () => {
  acceptWaiting = await loadAcceptWaiting();
});

const open = new Set<Socket>();
afterEach(() => {
  for (const socket of open) socket.destroy();
  open.clear();
});

const client = `
  const [port, count] = process.argv.slice(1).map(Number);
  let written = 0;
  for (let n = 0; n < count; n++) {
    const socket = require("node:net").connect(port, "127.0.0.1");
    socket.write("number " + n, () => { if (++written === count) process.exit(0); });
  }`;

async function withServer(
  use: (port: number, turns: () => number, accepted: readonly Socket[]) => Promise<void>,
) {
  const accepted: Socket[] = [];
  let turns = 0;
  const keep = (socket: Socket): void => {
    open.add(socket);
    accepted.push(socket);
  };
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    turns += 1;
    keep(socket);
    for (const one of acceptWaiting?.(server, true) ?? []) keep(one);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  try {
    await use(typeof bound === "object" ? (bound?.port ?? 0) : 0, () => turns, accepted);
  } finally {
    server.close();
  }
}

describe("connections that wait", () => {
  test("are accepted together, and each has its bytes, its address and its end", async () => {
    expect(acceptWaiting).not.toBeNull();
    await withServer(async (port, turns, accepted) => {
      execFileSync(process.execPath, ["-e", client, String(port), "50"]);
      await eventually(() => expect(accepted).toHaveLength(50));
      expect(turns()).toBe(1);
      const texts = await Promise.all(
        accepted.map(async (socket) => {
          const chunks: unknown[] = await socket.toArray();
          return chunks.map(String).join("");
        }),
      );
      const numbers = Array.from({ length: 50 }, (_, n) => `number ${n}`);
      expect(texts.toSorted()).toEqual(numbers.toSorted());
    });
  });

  test("are accepted some at a time, so that others have their turns", async () => {
    await withServer(async (port, turns, accepted) => {
      execFileSync(process.execPath, ["-e", client, String(port), "150"]);
      await eventually(() => expect(accepted).toHaveLength(150));
      expect(turns()).toBe(3);
    });
  });

  test("of a server that listens no more are none", async () => {
    const server = createServer();
    expect(acceptWaiting?.(server, true)).toEqual([]);
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    expect(acceptWaiting?.(server, true)).toEqual([]);
    server.close();
    expect(acceptWaiting?.(server, true)).toEqual([]);
  });
});
