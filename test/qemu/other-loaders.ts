import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { crc32 } from "node:zlib";
import { debianFiles } from "./debian.ts";
import { buildMicroOs } from "./micro-os.ts";
import type { Arch } from "./micro-os.ts";
import { labFolder } from "./site.ts";

/* Boot programs besides iPXE, and the asset folder that they boot from. */

const cache = join(labFolder, "cache");

/** Where a site of the lab has its own files. */
export function assetsIn(folder: string): string {
  return join(folder, "assets");
}

export async function putAsset(folder: string, name: string, content: string | Buffer) {
  const path = join(assetsIn(folder), name);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
}

async function copyAsset(folder: string, name: string, from: string) {
  const path = join(assetsIn(folder), name);
  await mkdir(dirname(path), { recursive: true });
  await copyFile(from, path);
}

/** The lab's Micro-OS as an operating system of the site's own: `lab/vmlinuz` and `lab/initrd`. */
export async function putMicroOs(folder: string, arch: Arch) {
  const { kernel, initramfs } = await buildMicroOs(cache, arch);
  await copyAsset(folder, "lab/vmlinuz", kernel);
  await copyAsset(folder, "lab/initrd", initramfs);
}

const debian = { suite: "bookworm", architecture: "amd64" } as const;

/** Debian's PXELINUX with the one module that it needs. */
export async function putPxelinux(folder: string) {
  const root = await debianFiles(cache, "pxelinux-bookworm", debian, [
    /^pxelinux$/,
    /^syslinux-common$/,
  ]);
  await copyAsset(folder, "pxelinux.0", join(root, "usr/lib/PXELINUX/pxelinux.0"));
  const modules = join(root, "usr/lib/syslinux/modules/bios");
  await copyAsset(folder, "ldlinux.c32", join(modules, "ldlinux.c32"));
}

/** GRUB's HTTP, which is not inside that image. */
export async function putGrubHttp(folder: string) {
  const root = await debianFiles(cache, "grub-modules-bookworm", debian, [/^grub-efi-amd64-bin$/]);
  const file = "x86_64-efi/http.mod";
  await copyAsset(folder, `grub/${file}`, join(root, "usr/lib/grub", file));
}

/** Debian's GRUB for the network, with most modules inside. */
export async function putGrub(folder: string, name: string) {
  const root = await debianFiles(cache, "grub-bookworm", debian, [/^grub-efi-amd64-signed$/]);
  const file = "usr/lib/grub/x86_64-efi-signed/grubnetx64.efi.signed";
  await copyAsset(folder, name, join(root, file));
}

/** A script as U-Boot wants it (`mkimage -T script -C none`; U-Boot, include/image.h, legacy image). */
export function uBootScript(text: string): Buffer {
  const script = Buffer.from(text);
  const data = Buffer.concat([Buffer.alloc(8), script]);
  data.writeUInt32BE(script.length, 0);
  const header = Buffer.alloc(64);
  header.writeUInt32BE(0x27051956, 0);
  header.writeUInt32BE(data.length, 12);
  header.writeUInt32BE(crc32(data), 24);
  // Linux, arm64, a script, not compressed.
  header.set([5, 22, 6, 0], 28);
  header.write("lab", 32);
  header.writeUInt32BE(crc32(header), 4);
  return Buffer.concat([header, data]);
}
