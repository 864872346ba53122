import { heldByUsError, PortInUseError, type WantedSocket } from "../../lib/bind-error.ts";
import { ANY_ADDRESS } from "../../lib/ip4.ts";
import { type Worker, workersHere } from "./data-folder-lock.ts";

/** Opens something; where a port is taken and an eim-pxe holds it, the error names that one. */
export async function namingHolder<T>(open: () => Promise<T>): Promise<T> {
  try {
    return await open();
  } catch (error) {
    if (!(error instanceof PortInUseError)) throw error;
    const { wanted } = error;
    const holder = (await workersHere()).find((one) => holds(one, wanted));
    if (holder === undefined) throw error;
    const { pid, dataDir, admin } = holder;
    throw heldByUsError(error, { pid, dataDir, admin: admin ?? "it is starting" });
  }
}

const ofTcp: ReadonlySet<string> = new Set(["http", "admin"]);

/** Whether one of its sockets, `http 192.168.77.1:8080` or `dhcp eth1 192.168.77.1:67`, is in the way. */
function holds({ sockets }: Worker, { transport, address, port }: WantedSocket): boolean {
  return sockets.some((socket) => {
    const [service = "", ...rest] = socket.split(" ");
    const [at = "", atPort = ""] = rest.at(-1)?.split(":") ?? [];
    const sameHost = [at, address].includes(ANY_ADDRESS) || at === address;
    return ofTcp.has(service) === (transport === "TCP") && Number(atPort) === port && sameHost;
  });
}
