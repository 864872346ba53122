import { execFile } from "node:child_process";
import { fromText } from "../lib/bytes.ts";
import { type Libc, loadLibc } from "./libc.ts";

/**
 * What starts services and watches them, systemd as a rule: it is told what this one does (sd_notify(3)).
 * Without one every call does nothing.
 */
export interface ServiceManager {
  /** All sockets are bound; also after a reload. */
  ready(): void;
  reloading(): void;
  stopping(): void;
  /** Ends the signs of life. */
  close(): void;
}

interface ManagerEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined;
  /** How long it waits for a sign of life, in microseconds. */
  readonly WATCHDOG_USEC?: string | undefined;
  /** The process that the signs of life are wanted of. */
  readonly WATCHDOG_PID?: string | undefined;
}

/**
 * The service manager of this process, by its environment. Signs of life come twice as often as it wants
 * them, by a timer of the event loop: they stop when the loop does.
 */
export async function serviceManager(
  environment: ManagerEnvironment,
  pid: number,
  load: () => Promise<Libc | null> = loadLibc,
): Promise<ServiceManager> {
  const path = environment.NOTIFY_SOCKET ?? "";
  if (path === "") return nobody;
  const libc = await load();
  const tell = (...lines: readonly string[]): void => {
    if (libc?.sendToUnixSocket(path, fromText(lines.join("\n"))) === true) return;
    // systemd's own program does it as well, for the price of a process. A service that cannot be told
    // of goes on all the same.
    execFile("systemd-notify", [`--pid=${pid}`, ...lines], () => {});
  };
  const watched =
    environment.WATCHDOG_PID === undefined || environment.WATCHDOG_PID === String(pid);
  const intervalMs = watched ? Number(environment.WATCHDOG_USEC ?? 0) / 2000 : 0;
  const timer = intervalMs > 0 ? setInterval(() => tell("WATCHDOG=1"), intervalMs) : undefined;
  timer?.unref();
  return {
    ready: () => tell("READY=1", "STATUS=Serving"),
    // Type=notify, not notify-reload: CLOCK_MONOTONIC, which that wants to be told, Node does not show.
    reloading: () => tell("RELOADING=1", "STATUS=Reading the nodes file again"),
    stopping: () => tell("STOPPING=1", "STATUS=Waiting for transfers under way"),
    close: () => clearInterval(timer),
  };
}

const nobody: ServiceManager = {
  ready() {},
  reloading() {},
  stopping() {},
  close() {},
};
