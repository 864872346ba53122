import { wire } from "./network.ts";

/**
 * The kernel's arguments in the lab's boot.ipxe, in the form and order of a real orchestrator's:
 * iPXE fills in its variables. Values like the proxy's are recognisable, so that a test finds any
 * that was lost, changed or moved.
 */
const kernelArguments = [
  "root=tmpfs rootflags=mode=0755 rd.skipfsck noresume quiet splash modules-load=nbd",
  "modprobe.blacklist=iwlwifi tink_worker_image=${tink_worker_image}",
  "grpc_authority=${grpc_authority} tinkerbell_tls=false worker_id=${bootdevmac} IP=${bootdevip}",
  "http_proxy=http://proxy.lab.example:912 https_proxy= no_proxy=.lab.example,10.0.0.0/8",
  "HTTP_PROXY=http://proxy.lab.example:912 HTTPS_PROXY= NO_PROXY=.lab.example,10.0.0.0/8",
  "DEBUG=false TIMEOUT=120s syslog_host=127.0.0.1",
  "modules=loop,squashfs,sd-mod,usb-storage intel_iommu=on iommu=pt initrd=initramfs-x86_64",
  "console=tty0 console=ttyS1,115200 loglevel=2",
].join(" ");

const timestamps = {
  s_vmlinux_start: "vmlinux_start",
  s_initramfs_start: "initramfs_start",
  s_initramfs_end: "initramfs_end",
  s_netconf_start: "network_scan_start",
  s_netconf_end: "network_scan_end",
};

const variables = {
  grpc_authority: "127.0.0.1:42113",
  tink_worker_image: "registry.lab.example/tink-worker:v0.10.0",
};

/** The `boot.ipxe` of the lab's orchestrator, whose files are below `downloadUrl`. */
export function bootScript(downloadUrl: string, arch = "x86_64"): string {
  const stamps = Object.entries(timestamps).map(([name, variable]) => `${name}=\${${variable}}`);
  return `#!ipxe

set arch ${arch}
set bootdevmac \${mac}
set bootdevip \${ip}
set download-url ${downloadUrl}
set grpc_authority ${variables.grpc_authority}
set tink_worker_image ${variables.tink_worker_image}

set kernel_tries:int32 0
set vmlinux_start \${unixtime}
:kernel
imgfetch --timeout=-1 \${download-url}/vmlinuz-\${arch} && goto kernel_here ||
inc kernel_tries
iseq \${kernel_tries} 5 && goto error ||
sleep 3
goto kernel

:kernel_here
set initramfs_tries:int32 0
set initramfs_start \${unixtime}
:initramfs
initrd --timeout=-1 \${download-url}/initramfs-\${arch} && goto initramfs_here ||
inc initramfs_tries
iseq \${initramfs_tries} 5 && goto error ||
sleep 3
goto initramfs

:initramfs_here
set initramfs_end \${unixtime}
imgargs vmlinuz-\${arch} ${kernelArguments.replace("x86_64", arch)} ${stamps.join(" ")}
imgselect vmlinuz-\${arch}
boot

:error
echo The Micro-OS could not be fetched or started.
shell
`;
}

/** What the kernel must have got from the script on this machine: iPXE's variables as patterns. */
export function expectedArguments(
  machine: { readonly mac: string },
  { link = wire, arch = "x86_64" } = {},
): RegExp {
  const address = link.firstAddress.replace(/\d+$/, "");
  const filled = kernelArguments
    .replace("x86_64", arch)
    .replace("${tink_worker_image}", variables.tink_worker_image)
    .replace("${grpc_authority}", variables.grpc_authority)
    .replace("${bootdevmac}", machine.mac)
    .replace(/[.*+?^()|[\]\\]/g, String.raw`\$&`)
    .replace("${bootdevip}", `${address.replaceAll(".", String.raw`\.`)}\\d+`);
  const stamps = Object.keys(timestamps).map((name) => `${name}=\\S+`);
  return new RegExp(`(^| )${filled} ${stamps.join(" ")}( |$)`);
}
