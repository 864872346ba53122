import { createCipheriv, createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { concat, fromText } from "../lib/bytes.ts";

/** The orchestrator's files, generated: right in form, and nothing that could run. */
export interface MicroOs {
  readonly kernel: Uint8Array;
  readonly initramfs: Uint8Array;
}

const FILE_ALIGNMENT = 512;
/** Headers of a PE32+ image with one section. */
const OPTIONAL_HEADER_BYTES = 240;

/**
 * @param kernelBytes size of the kernel, rounded up to a multiple of 512
 * @param initramfsBytes size of the initramfs, met within a thousandth
 * @param seed the same seed gives the same bytes
 */
export function makeMicroOs({
  kernelBytes,
  initramfsBytes,
  seed = "",
}: {
  readonly kernelBytes: number;
  readonly initramfsBytes: number;
  readonly seed?: string;
}): MicroOs {
  const size = Math.ceil(kernelBytes / FILE_ALIGNMENT) * FILE_ALIGNMENT;
  return {
    kernel: concat([peHeader(size), noise(`kernel ${seed}`, size - FILE_ALIGNMENT)]),
    initramfs: initramfs(initramfsBytes, seed),
  };
}

/** The first 512 bytes of an x86-64 EFI application of `size` bytes with one section. */
function peHeader(size: number): Uint8Array {
  const header = new Uint8Array(FILE_ALIGNMENT);
  const view = new DataView(header.buffer);
  const pe = 64;
  const optional = pe + 24;
  const section = optional + OPTIONAL_HEADER_BYTES;
  const sectionBytes = size - FILE_ALIGNMENT;
  header.set(fromText("MZ"), 0);
  view.setUint32(0x3c, pe, true);
  header.set(fromText("PE"), pe);
  view.setUint16(pe + 4, 0x8664, true); // Machine
  view.setUint16(pe + 6, 1, true); // NumberOfSections
  view.setUint16(pe + 20, OPTIONAL_HEADER_BYTES, true);
  view.setUint16(pe + 22, 0x0206, true); // Characteristics: executable, no line numbers, no debug data
  view.setUint16(optional, 0x20b, true); // PE32+
  view.setUint32(optional + 4, sectionBytes, true); // SizeOfCode
  view.setUint32(optional + 16, 0x1000, true); // AddressOfEntryPoint
  view.setUint32(optional + 20, 0x1000, true); // BaseOfCode
  view.setUint32(optional + 32, 0x1000, true); // SectionAlignment
  view.setUint32(optional + 36, FILE_ALIGNMENT, true);
  view.setUint32(optional + 56, 0x1000 + Math.ceil(sectionBytes / 0x1000) * 0x1000, true); // SizeOfImage
  view.setUint32(optional + 60, FILE_ALIGNMENT, true); // SizeOfHeaders
  view.setUint16(optional + 68, 10, true); // Subsystem: EFI application
  view.setUint32(optional + 108, 16, true); // NumberOfRvaAndSizes
  header.set(fromText(".text"), section);
  view.setUint32(section + 8, sectionBytes, true); // VirtualSize
  view.setUint32(section + 12, 0x1000, true); // VirtualAddress
  view.setUint32(section + 16, sectionBytes, true); // SizeOfRawData
  view.setUint32(section + 20, FILE_ALIGNMENT, true); // PointerToRawData
  view.setUint32(section + 36, 0x60000020, true); // code, executable, readable
  return header;
}

/** A gzip stream of a cpio archive (newc), stored and not compressed: noise does not shrink. */
function initramfs(size: number, seed: string): Uint8Array {
  const entries: readonly [string, number, Uint8Array][] = [
    ["etc", 0o040755, new Uint8Array(0)],
    ["etc/os-release", 0o100644, fromText('NAME="generated Micro-OS"\n')],
    ["rootfs.tar.gz", 0o100644, noise(`initramfs ${seed}`, Math.max(0, size - 1024))],
    ["TRAILER!!!", 0, new Uint8Array(0)],
  ];
  const records = entries.flatMap(([name, mode, content], index) =>
    cpioRecord(index + 1, name, mode, content),
  );
  return gzipSync(concat(records), { level: 0 });
}

/** Kernel documentation "initramfs buffer format": header and name, then content, each padded to four bytes. */
function cpioRecord(inode: number, name: string, mode: number, content: Uint8Array): Uint8Array[] {
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length + 1, 0];
  const hex = fields.map((field) => field.toString(16).padStart(8, "0")).join("");
  const header = fromText(`070701${hex}${name}\0`);
  return [header, padding(header.length), content, padding(content.length)];
}

function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}

/** Bytes that look random and are the same for the same seed: the key stream of a cipher. */
function noise(seed: string, length: number): Uint8Array {
  const key = createHash("sha256").update(seed).digest();
  return createCipheriv("aes-256-ctr", key, new Uint8Array(16)).update(new Uint8Array(length));
}

function retry(label: string, file: string): string {
  return `iseq \${tries} 5 && goto error || inc tries && echo No ${file} yet && goto ${label}`;
}

/** A `boot.ipxe` as the orchestrator renders it: its settings, retries, kernel arguments and the shell. */
export function orchestratorBootScript(downloadUrl: string): string {
  return [
    "#!ipxe",
    "",
    "echo Fetching the Micro-OS",
    "",
    "set arch x86_64",
    "set bootdevmac ${mac}",
    "set bootdevip ${ip}",
    `set download-url ${downloadUrl}`,
    "set grpc_authority 127.0.0.1:42113",
    "set tink_worker_image quay.io/tinkerbell/tink-worker:v0.10.0",
    "",
    "set tries:int32 0",
    "set kernel_from ${unixtime}",
    ":kernel",
    `imgfetch --timeout=-1 \${download-url}/vmlinuz-\${arch} && goto kernel_here || ${retry("kernel", "vmlinuz-${arch}")}`,
    ":kernel_here",
    "set tries:int32 0",
    "set initramfs_from ${unixtime}",
    ":initramfs",
    `initrd --timeout=-1 \${download-url}/initramfs-\${arch} && goto start || ${retry("initramfs", "initramfs-${arch}")}`,
    ":start",
    "set initramfs_until ${unixtime}",
    "imgargs vmlinuz-${arch} root=tmpfs rootflags=mode=0755 rd.skipfsck noresume quiet splash \\",
    "modules-load=nbd modprobe.blacklist=iwlwifi tink_worker_image=${tink_worker_image} \\",
    "grpc_authority=${grpc_authority} tinkerbell_tls=false worker_id=${bootdevmac} IP=${bootdevip} \\",
    "http_proxy= https_proxy= no_proxy= HTTP_PROXY= HTTPS_PROXY= NO_PROXY= DEBUG=false TIMEOUT=120s \\",
    "syslog_host=127.0.0.1 modules=loop,squashfs,sd-mod,usb-storage intel_iommu=on iommu=pt \\",
    "initrd=initramfs-${arch} console=tty0 console=ttyS1,115200 loglevel=2 \\",
    "s_vmlinux_start=${kernel_from} s_initramfs_start=${initramfs_from} s_initramfs_end=${initramfs_until} \\",
    "s_netconf_start=${network_scan_start} s_netconf_end=${network_scan_end}",
    "imgselect vmlinuz-${arch}",
    "boot",
    "",
    ":error",
    "echo The Micro-OS could not be fetched",
    "shell",
    "",
  ].join("\n");
}
