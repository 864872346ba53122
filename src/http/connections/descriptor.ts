import type { Socket } from "node:net";

/** The descriptor of a connection; null when it is closed. Node keeps it with the socket's handle, which is not in its documentation. */
export function descriptorOf(socket: Socket): number | null {
  const handle: unknown = Reflect.get(socket, "_handle");
  const isOpen = typeof handle === "object" && handle !== null && "fd" in handle;
  return isOpen && typeof handle.fd === "number" && handle.fd >= 0 ? handle.fd : null;
}
