import { cp, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { reasonToSkip } from "../../support/tools.ts";
import { addressLines, startAddressServer } from "../address-server.ts";
import { boxKinds, boxTools, startBox } from "../box/box.ts";
import { freshDebian, packProgram, runAtStart } from "../box/debian-root.ts";
import { commandsOf } from "../../support/documents.ts";
import { openUplink } from "../box/uplink.ts";
import { bootMachine } from "../client.ts";
import { buildMicroOs } from "../micro-os.ts";
import { createNetwork, wire } from "../network.ts";
import { startOrchestrator } from "../orchestrator.ts";
import { run } from "../process.ts";
import { labFolder, labTools } from "../site.ts";

/*
 * The commands of docs/getting-started.md as they stand there, on a fresh Debian 13 with systemd as PID 1 (a container
 * of systemd-nspawn) beside the site's own DHCP server, up to a machine in the Micro-OS. The way by container is
 * run by `npm run test:container`.
 */

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...boxTools] });
const repository = fileURLToPath(new URL("../../../", import.meta.url));
const cache = join(labFolder, "cache");
/** The names that the document uses. */
const domain = "cluster.example.com";
const device = "eth1";
/** Of installing from registries, beside other work: a quiet machine needs a tenth. */
const PATIENCE_MS = 3_600_000;

/** Each block as a file beside the package; what the box's npm needs to know of the registry is this machine's. */
async function buildRoot(folder: string, blocks: readonly string[]): Promise<string> {
  const root = join(folder, "root");
  const site = join(root, "root/site");
  await freshDebian(cache, root);
  await mkdir(site, { recursive: true });
  const tarball = await packProgram(folder);
  await cp(tarball, join(site, basename(tarball)));
  await cp(join(repository, "docker/install.sh"), join(site, "install.sh"));
  for (const [index, block] of blocks.entries()) {
    await writeFile(join(site, `block-${index}.sh`), `${block}\n`);
  }
  await cp(join(repository, "test/qemu/guests/getting-started.sh"), join(site, "witness.sh"));
  const certificates = (await run(["npm", "config", "get", "cafile"])).trim();
  if (certificates.startsWith("/")) {
    await cp(certificates, join(root, "root/registry-ca.pem"));
    await writeFile(join(root, "root/.npmrc"), "cafile=/root/registry-ca.pem\n");
  }
  const hosts = `127.0.0.1 localhost\n${wire.serverAddress} tinkerbell-haproxy.${domain} deb.debian.org\n192.168.77.3 registry.npmjs.org\n`;
  await writeFile(join(root, "etc/hosts"), hosts);
  await runAtStart(root, "witness.sh", "/dev/console");
  return root;
}

describe.skipIf(skipped !== null)(
  `docs/getting-started.md${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    test.each(["One command", "By hand, with systemd"])(
      "%s: its commands, as they stand there, take a fresh Debian to a machine that boots",
      async (way) => {
        const document = await readFile(join(repository, "docs/getting-started.md"), "utf8");
        const blocks = commandsOf(document).get(way) ?? [];
        expect(blocks.length).toBeGreaterThan(1);
        // The last one looks at the machine that has booted.
        const [last, before] = [blocks.length - 1, blocks.slice(0, -1)];

        const folder = join(labFolder, `started-${way.replaceAll(/\W+/g, "-")}-${process.pid}`);
        await mkdir(folder, { recursive: true });
        const network = await createNetwork("started");
        await run([
          "ip",
          "-n",
          network.namespace,
          "addr",
          "add",
          "192.168.77.3/24",
          "dev",
          wire.bridge,
        ]);
        const addresses = await startAddressServer(network, folder, addressLines(wire));
        const orchestrator = await startOrchestrator(
          network,
          await buildMicroOs(cache),
          folder,
          "mirror",
          wire.serverAddress,
          { hostName: `tinkerbell-haproxy.${domain}`, port: 443 },
        );
        const uplink = await openUplink(network, join(folder, "uplink.log"), [
          { name: "deb.debian.org", port: 80, address: wire.serverAddress },
          { name: "registry.npmjs.org", port: 443, address: "192.168.77.3" },
        ]);
        try {
          const root = await buildRoot(folder, blocks);
          const box = startBox(await boxKinds[0].command(network, root, device), folder);
          try {
            for (const [index, block] of before.entries()) {
              expect([block, await box.told(`witness: block ${index}:`)]).toEqual([block, "0"]);
            }
            await box.told("witness: ready for a machine");
            const machine = {
              firmware: "uefi",
              mac: "52:54:00:77:00:01",
              uuid: "e1a9c0de-0077-4000-8000-000000000001",
              serial: "LAB01",
            } as const;
            const how = { network, folder, accelerator: "tcg", beacon: false } as const;
            const { seconds } = await bootMachine(machine, how);
            await box.told("witness: a machine is up");
            expect(await box.told(`witness: block ${last}:`)).toBe("0");
            expect(box.lines.filter((line) => line.includes(machine.mac)).join("\n")).toMatch(
              /micro-os|up/,
            );
            await box.told("witness: end");
            process.stderr.write(`${way}: the machine ${seconds.toFixed(0)} s\n`);
          } finally {
            await box.stop();
          }
        } finally {
          await uplink.close();
          await orchestrator.stop();
          await addresses.stop();
          await network.close();
        }
        await rm(folder, { recursive: true });
      },
      PATIENCE_MS,
    );
  },
);
