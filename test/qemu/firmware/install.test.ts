import { cp, mkdir, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { reasonToSkip } from "../../support/tools.ts";
import { type Box, boxAddress, boxKinds, boxTools, startBox } from "../box/box.ts";
import { freshDebian, makeBundle, packProgram, runAtStart } from "../box/debian-root.ts";
import { openUplink } from "../box/uplink.ts";
import { bootMachine } from "../client.ts";
import { buildMicroOs } from "../micro-os.ts";
import { LabError } from "../process.ts";
import { createNetwork, type LabNetwork, wire } from "../network.ts";
import { startOrchestrator } from "../orchestrator.ts";
import { labFolder, labTools } from "../site.ts";

/*
 * docker/install.sh on a fresh Debian 13 with systemd as PID 1, from nothing to a machine in the Micro-OS: on a
 * container of systemd-nspawn, and on a machine of its own in QEMU; from Debian's registry, and from a bundle without any.
 */

const skipped = reasonToSkip({ root: true, tools: [...labTools, ...boxTools] });
const repository = fileURLToPath(new URL("../../../", import.meta.url));
const cache = join(labFolder, "cache");
const device = "eth0";
/** Of an emulated box with systemd, beside other work: a quiet machine needs a tenth. */
const PATIENCE_MS = 7_200_000;

/** Of a machine that boots. */
const MOST_RESTARTS = 3;

/** The box's files: a fresh Debian, and what a person brings along in /root/site. */
async function buildRoot(
  folder: string,
  orchestrator: { readonly origin: string; readonly caFile: string },
  console: string,
): Promise<string> {
  const root = join(folder, "root");
  const site = join(root, "root/site");
  await freshDebian(cache, root);
  await mkdir(site, { recursive: true });
  const tarball = await packProgram(folder);
  await makeBundle(join(site, "bundle.tgz"), tarball);
  await cp(tarball, join(site, basename(tarball)));
  await cp(join(repository, "docker/install.sh"), join(site, "install.sh"));
  await cp(orchestrator.caFile, join(site, "orchestrator-ca.pem"));
  await cp(join(repository, "test/qemu/guests/install.sh"), join(site, "witness.sh"));
  const settings = {
    ADDRESS: boxAddress,
    SERVER: wire.serverAddress,
    ORIGIN: orchestrator.origin,
    DEVICE: device,
    POOL: `${wire.firstAddress}-${wire.lastAddress}`,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}=${value}\n`);
  await writeFile(join(site, "settings"), lines.join(""));
  await runAtStart(root, "witness.sh", console);
  return root;
}

/** Powers a machine on when the box says so; gives the seconds to its Micro-OS. */
async function bootWhenReady(
  box: Box,
  from: string,
  number: number,
  network: LabNetwork,
  folder: string,
) {
  await box.told(`witness: ${from}: ready for a machine`);
  const end = `00${number}`.slice(-2);
  const uuid = `e1a9c0de-0077-4000-8000-0000000000${end}`;
  const names = { mac: `52:54:00:77:00:${end}`, uuid, serial: `LAB${end}` };
  const machine = { firmware: "uefi", ...names } as const;
  const how = { network, folder, accelerator: "tcg", beacon: false } as const;
  // The server is killed meanwhile, and where an emulated box takes long to start it again, the machine's script
  // restarts the machine, which ends QEMU.
  for (let restarts = 0; ; restarts++) {
    try {
      const { seconds } = await bootMachine(machine, how);
      await box.told(`witness: ${from}: a machine is up`);
      return seconds;
    } catch (thrown) {
      const hasRestarted = thrown instanceof LabError && /stopped by itself/.test(thrown.message);
      if (!hasRestarted || restarts === MOST_RESTARTS) throw thrown;
    }
  }
}

describe.skipIf(skipped !== null)(
  `docker/install.sh${skipped === null ? "" : ` (${skipped})`}`,
  () => {
    test.each(boxKinds)(
      "on a $kind: takes a fresh Debian to the Micro-OS of another machine, changes nothing the second time, and leaves nothing; with a registry, and with a bundle",
      async ({ kind, console: terminal, command }) => {
        const folder = join(labFolder, `install-${kind}-${process.pid}`);
        await mkdir(folder, { recursive: true });
        const network = await createNetwork("install");
        const microOs = await buildMicroOs(cache);
        const { serverAddress } = wire;
        const orchestrator = await startOrchestrator(
          network,
          microOs,
          folder,
          "mirror",
          serverAddress,
        );
        const debian = { name: "deb.debian.org", port: 80, address: serverAddress };
        const uplink = await openUplink(network, join(folder, "uplink.log"), [debian]);
        try {
          const root = await buildRoot(folder, orchestrator, terminal);
          const box = startBox(await command(network, root, device), folder);
          const told = (what: string) => box.told(`witness: ${what}`);
          const times = (line: string) => box.lines.filter((one) => one === line).length;
          try {
            expect(await told("start: PID 1 is")).toBe("systemd");

            expect(await told("registry: installed")).toMatch(/^0 after \d+ s$/);
            expect(await told("registry: diff")).toBe("0");
            expect(await told("registry: again")).toBe("0");
            await told("registry: the service went on");
            expect(await told("registry: reloaded")).toBe("0");
            expect(await told("registry: verified")).toBe("0");
            expect(Number(await told("registry: exposure"))).toBeLessThanOrEqual(2);
            expect(times("Nothing would be changed.")).toBe(1);
            expect(times("Nothing was to be changed.")).toBe(1);
            const first = await bootWhenReady(box, "registry", 1, network, folder);
            expect(await told("registry: uninstalled")).toBe("0");
            expect(await told("registry: the file system")).toBe("is as before");

            await uplink.close();
            await told("bundle: no registry is there");
            expect(await told("bundle: installed")).toMatch(/^0 after \d+ s$/);
            expect(await told("bundle: diff")).toBe("0");
            expect(await told("bundle: again")).toBe("0");
            await told("bundle: the service went on");
            expect(await told("bundle: broken upgrade")).toBe("1");
            expect(await told("bundle: diff after it")).toBe("0");
            expect(times("Nothing would be changed.")).toBe(3);
            expect(times("Nothing was to be changed.")).toBe(2);
            const second = await bootWhenReady(box, "bundle", 2, network, folder);
            await told("bundle: killed");
            expect(await told("bundle: restarts")).toBe("1");
            expect(await told("bundle: uninstalled")).toBe("0");
            expect(await told("bundle: the file system")).toBe("is as before");
            expect(times("This machine would boot.")).toBe(4);

            for (const [from, seconds] of [
              ["registry", first],
              ["bundle", second],
            ] as const) {
              const installed = await told(`${from}: installed`);
              const line = `${kind}, ${from}: installed ${installed}, the machine ${seconds.toFixed(0)} s`;
              process.stderr.write(`${line}\n`);
            }
          } finally {
            await box.stop();
          }
        } finally {
          await uplink.close();
          await orchestrator.stop();
          await network.close();
        }
        await rm(folder, { recursive: true });
      },
      PATIENCE_MS,
    );
  },
);
