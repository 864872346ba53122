import { Counter, Histogram, type Registry } from "prom-client";
import type { PxeEvent } from "../events/types.ts";
import { BoundedLabel } from "./bounded-label.ts";

/** More than a site has; a folder of assets may have thousands. */
const mostFiles = 64;

/** TFTP's error codes (RFC 1350 5, RFC 2347) as words; others do not leave this server. */
const tftpErrors: readonly string[] = [
  "not-defined",
  "file-not-found",
  "access-violation",
  "disk-full",
  "illegal-operation",
  "unknown-transfer",
  "file-exists",
  "no-such-user",
  "options-refused",
];

/** Adds what was transferred and what was refused, and returns who counts each event. */
export function addTransferMetrics(registry: Registry): (event: PxeEvent) => void {
  const registers = [registry];
  const refused = new Counter({
    name: "eim_pxe_requests_refused_total",
    help: "Requests of machines that were not served, by protocol and reason: for dhcp a code of docs/diagnosis.md, for tftp its error, for http the status",
    labelNames: ["protocol", "reason"] as const,
    registers,
  });
  const sent = new Counter({
    name: "eim_pxe_bytes_sent_total",
    help: "Bytes of loaders, initramfs files and assets that were handed out completely",
    labelNames: ["protocol"] as const,
    registers,
  });
  const transfers = new Counter({
    name: "eim_pxe_tftp_transfers_total",
    help: "TFTP transfers by file and end: complete, failed, or probe (only the size was asked for)",
    labelNames: ["file", "outcome"] as const,
    registers,
  });
  const retransmissions = new Counter({
    name: "eim_pxe_tftp_retransmissions_total",
    help: "TFTP packets that were sent again",
    registers,
  });
  const downloads = new Counter({
    name: "eim_pxe_http_downloads_total",
    help: "Downloads of loaders, kernel, initramfs and assets by HTTP, by file and end: complete, or aborted by the machine",
    labelNames: ["file", "outcome"] as const,
    registers,
  });
  const seconds = new Histogram({
    name: "eim_pxe_download_seconds",
    help: "How long a machine took to fetch its loader, kernel or initramfs",
    labelNames: ["protocol", "content"] as const,
    buckets: [0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300],
    registers,
  });
  const files = new BoundedLabel(mostFiles);
  const transferred = (name: string, outcome: "complete" | "failed" | "probe"): void => {
    transfers.inc({ file: files.take(name), outcome });
  };
  const downloaded = (name: string, outcome: "complete" | "aborted"): void => {
    downloads.inc({ file: files.take(name), outcome });
  };
  return (event) => {
    switch (event.event) {
      case "loader-done": {
        const { protocol, bytes, durationMs, file } = event;
        sent.inc({ protocol }, bytes);
        retransmissions.inc(event.retransmissions);
        seconds.observe({ protocol, content: "loader" }, durationMs / 1000);
        if (protocol === "tftp") transferred(file, "complete");
        else downloaded(file, "complete");
        break;
      }
      case "kernel-done":
      case "initramfs-done": {
        const content = event.event === "kernel-done" ? "kernel" : "initramfs";
        if (content === "initramfs") sent.inc({ protocol: "http" }, event.bytes);
        seconds.observe({ protocol: "http", content }, event.durationMs / 1000);
        downloaded(event.file, "complete");
        break;
      }
      case "asset-sent": {
        const { protocol, bytes, file } = event;
        sent.inc({ protocol }, bytes);
        retransmissions.inc(event.retransmissions);
        if (protocol === "tftp") transferred(file, "complete");
        else downloaded(file, "complete");
        break;
      }
      case "download-aborted":
        downloaded(event.file, "aborted");
        break;
      case "tftp-failed":
        retransmissions.inc(event.retransmissions);
        transferred(event.file, "failed");
        break;
      case "tftp-probe":
        transferred(event.file, "probe");
        break;
      case "autoexec":
        if (event.protocol === "tftp") transferred(event.file, "complete");
        break;
      case "dhcp-refused":
        refused.inc({ protocol: "dhcp", reason: event.why });
        break;
      case "tftp-refused": {
        const reason = tftpErrors[event.errorCode] ?? "not-defined";
        refused.inc({ protocol: "tftp", reason });
        break;
      }
      case "http-refused":
        refused.inc({ protocol: "http", reason: `status-${event.status}` });
        break;
      default:
        break;
    }
  };
}
