import { errnoOf } from "./errors.ts";
import { type Finding, inOneSentence } from "./finding.ts";

/** What Linux calls open files: each socket is one, too. */
export const descriptorsUsedUp: Finding<"descriptors-used-up"> = {
  code: "descriptors-used-up",
  cause:
    "this process may not open any more files and sockets: its limit of file descriptors is reached",
  remedy:
    "raise the limit to 4096 or more: `ulimit -n 4096` in the shell that starts it, LimitNOFILE=4096 in its systemd " +
    "unit, --ulimit nofile=4096 for a container",
  who: "site",
};

/** What to tell a person about an error for want of a file descriptor; null when it is another error. */
export function tooFewDescriptors(error: unknown): string | null {
  const errno = errnoOf(error);
  if (errno !== "EMFILE" && errno !== "ENFILE") return null;
  return inOneSentence(descriptorsUsedUp);
}

/**
 * The file descriptor of one of Node's sockets or servers; null when it is closed. Node keeps it with the handle, which is not
 * in its documentation.
 */
export function descriptorOf(socket: object): number | null {
  const handle: unknown = Reflect.get(socket, "_handle");
  const isOpen = typeof handle === "object" && handle !== null && "fd" in handle;
  return isOpen && typeof handle.fd === "number" && handle.fd >= 0 ? handle.fd : null;
}
