import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Segment } from "../network.ts";
import { startService } from "../process.ts";

/** A server of a package registry, and where hosts of the lab find it. */
export interface Registry {
  readonly name: string;
  readonly port: number;
  /** An address of the lab's own namespace. */
  readonly address: string;
}

/**
 * The lab's hosts reach these servers, and nothing else outside: a process in their namespace takes connections, and
 * this one, which has the way out, passes the bytes on. Between the two is a socket in the file system, which
 * no namespace bounds.
 */
export async function openUplink(
  network: Segment,
  logFile: string,
  registries: readonly Registry[],
): Promise<{ readonly close: () => Promise<void> }> {
  // A socket's path may not be longer than 107 characters, so not in the lab's folder.
  const folder = await mkdtemp(join(tmpdir(), "eim-pxe-uplink-"));
  const open = new Set<Socket>();
  const servers = await Promise.all(
    registries.map(({ name, port }, index) => {
      const server = createServer((near) => pass(near, connect(port, name), open));
      return new Promise<typeof server>((resolve, reject) => {
        server.once("error", reject);
        server.listen(join(folder, String(index)), () => resolve(server));
      });
    }),
  );
  const main = fileURLToPath(new URL("uplink-main.ts", import.meta.url));
  const doors = registries.map(
    ({ address, port }, index) => `${address}:${port}:${join(folder, String(index))}`,
  );
  const service = startService({
    name: "uplink",
    command: network.inside(process.execPath, "--import", "tsx", main, ...doors),
    logFile,
  });
  await service.waitForLine("listening", (line) => line === "listening" || null, 600_000);
  return {
    close: async () => {
      await service.stop();
      for (const server of servers) server.close();
      for (const socket of open) socket.destroy();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Joins two connections: both end when one does. */
function pass(near: Socket, far: Socket, open: Set<Socket>): void {
  for (const [one, other] of [
    [near, far],
    [far, near],
  ] as const) {
    open.add(one);
    one.pipe(other);
    one.once("error", () => other.destroy());
    one.once("close", () => {
      open.delete(one);
      other.destroy();
    });
  }
}
