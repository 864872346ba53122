import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { replaceFile } from "../lib/atomic-file.ts";
import { errnoOf, messageOf } from "../lib/errors.ts";

/** What the units are written for. */
export interface UnitSite {
  readonly folder: string;
  readonly interface: string;
  readonly configuration: string;
  /** The program of Node that runs now. */
  readonly node: string;
}

const SERVICE = "eim-pxe.service";
const SOCKET = "eim-pxe.socket";
const program = fileURLToPath(new URL("../cli.js", import.meta.url));

export function unitFiles(folder: string): readonly string[] {
  return [join(folder, SERVICE), join(folder, SOCKET)];
}

/** Writes the service and the optional socket unit of the package, for this host. */
export async function writeUnits(site: UnitSite): Promise<void> {
  const { folder, configuration, node } = site;
  const start = `ExecStart=${escaped(node)} ${escaped(program)} serve --config ${escaped(configuration)}`;
  const service = (await ofPackage(SERVICE)).replace(/^ExecStart=.*$/m, () => start);
  // systemd.unit(5): the name of the device's unit, as systemd-escape writes it.
  const device = site.interface.replaceAll(/[^A-Za-z0-9:_.]/g, hexEscaped);
  const socket = (await ofPackage(SOCKET))
    .replaceAll("net-devices-eth1.device", `net-devices-${device}.device`)
    .replaceAll(/^(BindToDevice|FileDescriptorName)=eth1$/gm, `$1=${site.interface}`);
  await mkdir(folder, { recursive: true });
  await replaceFile(join(folder, SERVICE), service, { mode: 0o644 });
  await replaceFile(join(folder, SOCKET), socket, { mode: 0o644 });
}

/** What `ProtectHome=yes` of the unit hides. systemd.exec(5) */
const hiddenFolders = ["/home/", "/root/", "/run/user/"];

/**
 * What the service could not start because of what it would have to read in somebody's home folder, in words; null: it
 * reads nothing there. Node from a version manager such as nvm lies there, and so does what its npm installs.
 */
export function hiddenFromService({ configuration, node }: UnitSite): string | null {
  const hidden = [node, program, configuration].filter((file) =>
    hiddenFolders.some((folder) => file.startsWith(folder)),
  );
  if (hidden.length === 0) return null;
  return (
    `The service will not start like this: it does not see people's home folders, and this is in one: ${hidden.join(", ")}. ` +
    "Unpack Node's own archive (https://nodejs.org/en/download) into /usr/local, install eim-pxe anew with its npm, " +
    "keep the configuration in /etc/eim-pxe, and run init again with --force."
  );
}

function ofPackage(name: string): Promise<string> {
  return readFile(new URL(`../../docker/systemd/${name}`, import.meta.url), "utf8");
}

function hexEscaped(character: string): string {
  return `\\x${(character.codePointAt(0) ?? 0).toString(16).padStart(2, "0")}`;
}

/** A word of a command line in a unit. systemd.service(5), "Command lines". */
function escaped(word: string): string {
  const plain = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  return /^[\w/.@:%$-]+$/.test(plain) ? plain : `"${plain.replaceAll(/["\\]/g, "\\$&")}"`;
}

/** What systemd says of the units; null: nothing is wrong, or there is no systemd here to ask. */
export async function unitProblems(folder: string): Promise<string | null> {
  const files = unitFiles(folder).filter((file) => existsSync(file));
  try {
    const { stderr } = await promisify(execFile)("systemd-analyze", ["verify", ...files]);
    return stderr.trim() === "" ? null : stderr.trim();
  } catch (error) {
    return errnoOf(error) === "ENOENT" ? null : messageOf(error);
  }
}
