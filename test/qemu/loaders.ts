import { join } from "node:path";
import { debianFiles } from "./debian.ts";

/** Debian 12's iPXE, of 2019: it asks for its script by DHCP. */
export const oldLoaders = "/usr/lib/ipxe";

/**
 * A folder with Debian 13's iPXE, 1.21.1: it looks for an `autoexec.ipxe` beside itself before it
 * does any DHCP of its own, and it is there for arm64 too.
 */
export async function modernLoaders(cache: string): Promise<string> {
  const release = { suite: "trixie", architecture: "amd64" } as const;
  return join(await debianFiles(cache, "ipxe-trixie", release, [/^ipxe$/]), "usr/lib/ipxe");
}

/** A folder with Debian unstable's iPXE, 2.0.0 or later: the first that Debian builds with syslog in it. */
export async function newestLoaders(cache: string): Promise<string> {
  const release = { suite: "sid", architecture: "amd64" } as const;
  return join(await debianFiles(cache, "ipxe-sid", release, [/^ipxe$/]), "usr/lib/ipxe");
}
