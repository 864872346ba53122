import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import { systemClock } from "../lib/clock.ts";
import { CLIENT_PORT } from "../dhcp/message/destination.ts";
import { BindError, messageOf } from "../lib/errors.ts";
import { loadBatchedSockets } from "../net/batches/batched-sockets.ts";
import { openDeviceSocket, openListener } from "../net/device-socket.ts";
import { dgramSockets } from "../net/dgram.ts";
import { readInterfaces, readInterfacesNamed } from "../net/interfaces.ts";
import { ConflictProbe } from "../net/conflict-probe.ts";
import { adoptPassed, passedDescriptors } from "../net/systemd-sockets.ts";
import { serviceManager } from "../net/service-manager.ts";
import { createLog, createTerminalLog } from "../observe/log.ts";
import { ClusterNodes } from "../daemon/nodes/cluster-nodes.ts";
import { withKnownNodes } from "../daemon/nodes/kept-hardware.ts";
import { followRegistrations } from "../daemon/orchestrator/follow.ts";
import { giveUpRoot } from "../daemon/privileges/give-up-root.ts";
import { nodesAccess } from "../daemon/nodes/nodes-access.ts";
import { type LeaderAccess, leaderAccess } from "../daemon/leader/open-leadership.ts";
import { watchFile } from "../daemon/nodes/file-watch.ts";
import { nodesFileOf } from "../daemon/settings/nodes-file.ts";
import { Repeatable } from "../daemon/settings/reload.ts";
import { configurationFile, loadSettings, type Settings } from "../daemon/settings/settings.ts";
import { wantedLinks } from "../daemon/links/link-plan.ts";
import { type FolderLock, lockFolder } from "../daemon/state/data-folder-lock.ts";
import { ExitCode, type Program } from "./shared/context.ts";
import { proxyEnvironment, traceOf } from "../daemon/settings/environment.ts";
import { announceRunning, findRunning, withdrawRunning } from "../daemon/state/instance-file.ts";
import { within } from "../daemon/closing.ts";
import { startServices } from "../daemon/daemon.ts";
import type { Services } from "../daemon/services.ts";
import { reloadAll, reloadNodes } from "./serve-reload.ts";
import { firstSignal } from "./shared/signals.ts";
import { withConfig } from "../events/own-commands.ts";

// Five seconds are promised from the signal to the end; some are for closing what is left.
const graceMs = 4000;

// PXE 2.1, 3.1: firmware asks at 0, 4, 12 and 28 s. A machine that comes up together with its link still
// finds us.
const lookEveryMs = 2000;

// What a service manager gives a service to start is usually more.
const lockPatienceMs = 60_000;

/** `eim-pxe serve`: runs until SIGTERM or SIGINT; the nodes file is read again when it changes, and at SIGHUP. */
export async function serve(program: Program, file: string | null): Promise<number> {
  const stopping = new AbortController();
  const stopSignal = firstSignal(program, ["SIGTERM", "SIGINT"]).then((signal) => {
    stopping.abort();
    return signal;
  });
  const managing = serviceManager(program.environment, program.pid);
  const instance = randomUUID();
  const settings = loadSettings(file, program.environment);
  const { config } = settings;
  const rights = giveUpRoot(config, { ...program, program: program.self.at(-1) ?? "" });
  const access =
    config.nodes.format === "kubernetes" ? nodesAccess(config, program.environment) : null;
  const leader = leaderAccess(config, program.environment, hostname());
  const cluster = access === null ? null : new ClusterNodes({ access, dataDir: config.dataDir });
  const taken = rights.then(() => takeFolder(program, config.dataDir, stopping.signal));
  const started = taken.then(async () => {
    // Before any machine can ask: the cluster may be away for long.
    const known = (await cluster?.restore()) ?? settings.inventory;
    stopping.signal.throwIfAborted();
    return start(program, { ...settings, inventory: known }, instance, leader, stopping.signal);
  });
  let signalled = false;
  const reloads = new Repeatable(async () => {
    const services = await started.catch(() => null);
    if (services === null) return;
    const bySignal = signalled;
    signalled = false;
    if (!bySignal) await reloadNodes({ services, config, file });
    else await reloadAll(program, { services, manager: await managing, config, file });
  });
  const stopListening = program.onSignal("SIGHUP", () => {
    signalled = true;
    void reloads.run();
  });
  const nodes = nodesFileOf(config);
  const stopWatching = nodes === null ? () => {} : watchFile(nodes.file, () => void reloads.run());
  const stopReloading = (): void => {
    stopListening();
    stopWatching();
  };
  const services = await started.catch(async (error: unknown) => {
    const lock = await taken.catch(() => null);
    await lock?.release();
    if (stopping.signal.aborted) return null;
    throw error;
  });
  const manager = await managing;
  if (services === null) {
    stopReloading();
    manager.close();
    return ExitCode.ok;
  }
  (await taken).describe(() => ({
    admin: services.adminUrl,
    sockets: [...services.sockets()],
  }));
  const { emit } = services.events;
  for (const event of await rights) emit(event);
  cluster?.follow({ use: (inventory) => services.useInventory(inventory), emit });
  const registrations = followRegistrations(config, proxyEnvironment(program.environment), {
    ...services,
    clock: systemClock,
  });
  const running = {
    pid: program.pid,
    admin: services.adminUrl,
    instance,
    ...(config.admin.tls === null ? {} : { certFile: config.admin.tls.certFile }),
  };
  try {
    await announceRunning(config.dataDir, running);
  } catch (error) {
    // A full disk is no reason not to boot machines.
    emit({ event: "announce-failed", reason: messageOf(error) });
  }
  manager.ready();
  if (program.outIsTerminal) program.out.write(withConfig(nextSteps(services.adminUrl), file));
  void reportFailedChecks(program, settings, file, services);
  const signal = await stopSignal;
  emit({ event: "stopping", signal });
  manager.stopping();
  manager.close();
  stopReloading();
  await Promise.all([cluster?.stop(), registrations?.stop()]);
  await Promise.all([services.close(graceMs), within(graceMs, reloads.idle())]);
  await withdrawRunning(config.dataDir, running);
  await (await taken).release();
  return ExitCode.ok;
}

/** Runs the checks of `doctor` that take no time, beside the server that boots machines already. */
async function reportFailedChecks(
  { environment }: Program,
  settings: Settings,
  file: string | null,
  { events }: Services,
): Promise<void> {
  try {
    const { openSite, quickChecks, runChecks } = await import("../doctor/doctor.ts");
    const interfaces = readInterfaces();
    const known = await withKnownNodes(settings);
    const parts = { settings: known, file: configurationFile(file), environment, interfaces };
    const site = await openSite({ ...parts, only: null, now: () => systemClock.wall() });
    for (const { id, status, found, remedy, code } of await runChecks(site, quickChecks)) {
      if (status !== "fail") continue;
      events.emit({
        event: "check-failed",
        check: id,
        code: code ?? id,
        reason: found,
        remedy: remedy ?? "",
      });
    }
  } catch (error) {
    // The checks are for people; the server does not depend on them.
    events.emit({
      event: "check-failed",
      check: "doctor",
      code: "checks-not-run",
      reason: `the checks could not be run: ${messageOf(error)}`,
      remedy: "run eim-pxe doctor",
    });
  }
}

function nextSteps(adminUrl: string): string {
  return (
    `\nThe server runs. Readiness: ${adminUrl}/readyz · machines: eim-pxe nodes list, ${adminUrl}/api/v1/boots\n` +
    "Once it says that a machine could boot now, power one on with network boot first in its firmware: what it\n" +
    "does appears here. To try without a machine: eim-pxe probe --interface INTERFACE. Ctrl-C ends the server.\n\n"
  );
}

/** A synchronisation by hand that is under way ends soon; another server does not. */
async function takeFolder(
  { pid }: Program,
  dataDir: string,
  signal: AbortSignal,
): Promise<FolderLock> {
  const other = await findRunning(dataDir);
  if (other?.answers === true) {
    throw new BindError(
      `another eim-pxe works in ${dataDir} already (pid ${other.pid}, ${other.admin}): stop it, ` +
        "or give this one a dataDir of its own",
    );
  }
  return lockFolder({ dataDir, pid, purpose: "serve", patienceMs: lockPatienceMs, signal });
}

async function start(
  program: Program,
  settings: Settings,
  instance: string,
  leader: LeaderAccess | null,
  stopping: AbortSignal,
): Promise<Services> {
  const { config } = settings;
  const links = wantedLinks(config, readInterfaces());
  const names = links.map((link) => link.interface);
  const logSettings = {
    level: config.log.level,
    configFile: settings.configFile,
    out: program.out,
  };
  const log = program.outIsTerminal ? await createTerminalLog(logSettings) : createLog(logSettings);
  const udp = (await loadBatchedSockets()) ?? dgramSockets;
  const passed = await adoptPassed(passedDescriptors(program.environment, program.pid), udp);
  const closePassed = async (): Promise<void> => {
    await Promise.all(passed.map((socket) => socket.close()));
  };
  const started = startServices({
    settings,
    links,
    interfaces: () => readInterfacesNamed(names),
    lookEveryMs,
    openDhcpSocket: (link, port) =>
      openDeviceSocket({
        device: link.interface,
        address: link.address,
        port,
        passed,
        onlyDevice: links.length === 1,
        udp,
      }),
    openOfferListener: ({ interface: device }) => openListener({ device, port: CLIENT_PORT }),
    dhcpPorts: { server: 67, bootServer: 4011 },
    proxyEnvironment: proxyEnvironment(program.environment),
    trace: traceOf(program.environment),
    log,
    clock: systemClock,
    preemptions: () => program.preemptions(),
    udp,
    availableMemory: () => program.availableMemory(),
    instance,
    leader,
    stopping,
    conflictProbe: new ConflictProbe(systemClock),
    openClientPort: (link) =>
      openDeviceSocket({
        device: link.interface,
        address: link.address,
        port: CLIENT_PORT,
        passed: [],
        onlyDevice: links.length === 1,
        // For some seconds only, and beside a DHCP client of this host that allows it.
        share: true,
      }),
  });
  const services = await started.catch(async (error: unknown) => {
    await closePassed();
    throw error;
  });
  return {
    ...services,
    async close(closeMs) {
      await services.close(closeMs);
      await closePassed();
    },
  };
}
