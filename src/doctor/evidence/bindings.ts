import { readdir, readFile, readlink } from "node:fs/promises";
import { createServer } from "node:net";
import { splitListen } from "../../config/schema.ts";
import type { Config } from "../../config/schema.ts";
import { bindError } from "../../lib/bind-error.ts";
import { BindError, messageOf } from "../../lib/errors.ts";
import { openDeviceSocket } from "../../net/device-socket.ts";
import { openDgram } from "../../net/dgram.ts";
import type { Binding, DoctorLink } from "../site.ts";

/** Those of DHCP, which systemd may open for `serve` (docker/systemd/eim-pxe.socket). */
const passedPorts: readonly number[] = [67, 4011];

/** Opens each port that `serve` needs, as it does, and closes it at once. */
export async function tryBindings(
  config: Config,
  links: readonly DoctorLink[],
): Promise<readonly Binding[]> {
  const found: Binding[] = [];
  const onlyDevice = links.length === 1;
  const admin = splitListen(config.admin.listen);
  for (const { name, ours, mode } of links) {
    if (ours === null) continue;
    if (mode !== "off") {
      for (const port of passedPorts) {
        const open = () =>
          openDeviceSocket({ device: name, address: ours, port, passed: [], onlyDevice });
        found.push(await tried(`UDP ${ours}:${port} on ${name}`, port, open));
      }
    }
    const { tftp, http, syslog } = config;
    if (tftp.enabled) {
      const open = () => openDgram({ address: ours, port: tftp.port });
      found.push(await tried(`UDP ${ours}:${tftp.port}`, tftp.port, open));
    }
    if (syslog.port !== null) {
      const { port } = syslog;
      const open = () => openDgram({ address: ours, port });
      found.push(await tried(`UDP ${ours}:${port}`, port, open));
    }
    for (const port of [http.port, ...(http.tls === null ? [] : [http.tls.port])]) {
      found.push(await tried(`TCP ${ours}:${port}`, port, () => openTcp(ours, port)));
    }
  }
  if (admin !== null) {
    const open = () => openTcp(admin.host, admin.port);
    found.push(await tried(`TCP ${config.admin.listen}`, admin.port, open));
  }
  return found;
}

async function tried(
  socket: string,
  port: number,
  open: () => Promise<{ close(): Promise<void> }>,
): Promise<Binding> {
  const mayBePassed = passedPorts.includes(port);
  try {
    await (await open()).close();
    return { socket, finding: null, error: null, holder: null, mayBePassed };
  } catch (error) {
    return refused(socket, port, error);
  }
}

/** Why a port could not be had, and who has it where that can be known. */
export async function refused(socket: string, port: number, error: unknown): Promise<Binding> {
  const finding = error instanceof BindError ? error.finding : null;
  const mayBePassed = passedPorts.includes(port);
  if (finding === null) {
    return { socket, finding, error: messageOf(error), holder: null, mayBePassed };
  }
  const inUse = finding.code === "port-in-use";
  const transport = socket.startsWith("UDP") ? "udp" : "tcp";
  const holder = inUse ? await holderOf(transport, port) : null;
  return { socket, finding, error: null, holder, mayBePassed };
}

function openTcp(host: string, port: number): Promise<{ close(): Promise<void> }> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", (error) =>
      reject(bindError({ transport: "TCP", address: host, port, device: null }, error)),
    );
    server.listen({ host, port, exclusive: true }, () =>
      resolve({ close: () => new Promise((closed) => server.close(() => closed())) }),
    );
  });
}

/** The process that has the port; null where this user may not know. */
async function holderOf(
  transport: "udp" | "tcp",
  port: number,
): Promise<{ readonly pid: number; readonly name: string } | null> {
  const sockets = new Set(await socketsAt(transport, port));
  const processes = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of processes) {
    const folder = `/proc/${pid}/fd`;
    for (const descriptor of await readdir(folder).catch(() => [])) {
      const target = await readlink(`${folder}/${descriptor}`).catch(() => "");
      if (!sockets.has(target)) continue;
      const name = (await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "?")).trim();
      return { pid: Number(pid), name };
    }
  }
  return null;
}

/** The sockets that are bound to a port, as `/proc/PID/fd` names them. proc(5), `/proc/net/udp`. */
async function socketsAt(transport: "udp" | "tcp", port: number): Promise<readonly string[]> {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const found: string[] = [];
  for (const version of ["", "6"]) {
    const text = await readFile(`/proc/self/net/${transport}${version}`, "utf8").catch(() => "");
    for (const line of text.split("\n")) {
      const fields = line.trim().split(/\s+/);
      const [, local = "", , state = ""] = fields;
      // 0A: a TCP socket that listens.
      if (!local.endsWith(`:${hex}`) || (transport === "tcp" && state !== "0A")) continue;
      found.push(`socket:[${fields[9] ?? ""}]`);
    }
  }
  return found;
}
