import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../support/command.ts";
import { createNetns, type Guest, type Netns, netnsMissing } from "../support/netns.ts";
import { configurationOf, environmentOf, nodesOf } from "../support/smee-site.ts";
import { type SmeeVector, smeeVectors, vectorAddress } from "../support/smee-vectors.ts";

/*
 * SMEE's answers from a running `eim-pxe serve` to a machine without an address, on a virtual cable.
 */

const missing = netnsMissing();
const sender = new URL("guests/dhcp-sender.ts", import.meta.url);

/** What the machine with the usual record broadcasts while it has no address. */
const sample = smeeVectors.filter(
  ({ hardware, source }) => ["full", "otel"].includes(hardware) && source === "0.0.0.0:68",
);
const servers = (["smee", "smee-standalone"] as const).flatMap((flavour) =>
  (["reservation", "proxy", "auto-proxy"] as const).flatMap((mode) =>
    [false, true].map((traced) => {
      const vectors = sample.filter(
        (one) => one.flavour === flavour && one.mode === mode && one.traced === traced,
      );
      return { flavour, mode, traced, vectors };
    }),
  ),
);

describe.skipIf(missing !== null)(
  `SMEE's answers${missing === null ? "" : ` (${missing})`}`,
  () => {
    const folder = mkdtempSync(join(tmpdir(), "eim-pxe-smee-"));
    let net: Netns;
    let program: Program;
    let client: Guest;
    const hosts = { server: "", client: "" };

    beforeAll(async () => {
      net = createNetns();
      program = await Program.build();
      hosts.server = net.host("server");
      hosts.client = net.host("client");
      net.cable(
        { host: hosts.server, device: "eth0", addresses: [`${vectorAddress}/24`] },
        { host: hosts.client, device: "eth0", addresses: [] },
      );
      net.ip(hosts.client, "route", "add", "default", "dev", "eth0");
      client = net.run(hosts.client, sender);
      await client.next();
    });
    afterAll(async () => {
      await net.close();
      await program.remove();
      rmSync(folder, { recursive: true, force: true });
    });

    function write(name: string, value: unknown): string {
      const file = join(folder, name);
      writeFileSync(file, JSON.stringify(value));
      return file;
    }

    async function serve(vectors: readonly SmeeVector[]): Promise<Guest> {
      const [first] = vectors;
      if (first === undefined) throw new Error("there are no vectors of this kind");
      const nodes = write("nodes.yaml", nodesOf(first));
      const files = { interface: "eth0", dataDir: join(folder, "data"), nodes };
      const config = write("eim-pxe.yaml", configurationOf(first, files));
      const variables = Object.entries(environmentOf(first)).map((pair) => pair.join("="));
      const command = [process.execPath, program.entry, "serve", "--config", config];
      const server = net.spawn(hosts.server, "env", ...variables, ...command);
      await server.said('"event":"listening"');
      return server;
    }

    test.each(servers)("$flavour in $mode, traced: $traced", async ({ vectors }) => {
      expect(vectors.length).toBeGreaterThan(1);
      const server = await serve(vectors);
      try {
        for (const { request, reply, id } of vectors) {
          client.write(request);
          if (reply === null) continue;
          const expected = { id, hex: reply.hex, from: `${vectorAddress}:67` };
          expect({ id, ...Object(await client.next()) }).toEqual(expected);
        }
      } finally {
        await server.stop();
      }
    });
  },
);
