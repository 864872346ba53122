import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sync } from "../../src/commands/sync.ts";
import { type Certificate, makeCertificate } from "../../src/lib/certificate.ts";
import { makeMicroOs, orchestratorBootScript } from "../../src/demo/micro-os.ts";
import { type Content, type Orchestrator, startOrchestrator } from "../../src/demo/orchestrator.ts";
import type { Command } from "./command.ts";
import { FakeProgram } from "./program.ts";

/** An orchestrator and the folder of a server on loopback: its configuration, loaders and data. */
export class ServedSite {
  readonly folder = mkdtempSync(join(tmpdir(), "eim-pxe-served-"));
  readonly orchestrator: Orchestrator;

  private constructor(orchestrator: Orchestrator, certificate: Certificate) {
    this.orchestrator = orchestrator;
    this.write("ca.pem", certificate.cert);
    mkdirSync(join(this.folder, "loaders"));
    const { kernel } = makeMicroOs({ kernelBytes: 20_000, initramfsBytes: 0 });
    this.write("loaders/ipxe.efi", kernel);
  }

  static async open({
    initramfsBytes = 100_000,
    script = orchestratorBootScript("https://orchestrator.example/tink-stack"),
  } = {}): Promise<ServedSite> {
    const certificate = await makeCertificate([], Date.now());
    const { kernel, initramfs } = makeMicroOs({ kernelBytes: 20_000, initramfsBytes });
    const files = new Map<string, Content>([
      ["boot.ipxe", Buffer.from(script)],
      ["vmlinuz-x86_64", kernel],
      ["initramfs-x86_64", initramfs],
    ]);
    return new ServedSite(await startOrchestrator({ files, certificate }), certificate);
  }

  /** With a mirror that is filled already, for servers that do not reach the orchestrator. */
  static async openMirrored(): Promise<ServedSite> {
    const site = await ServedSite.open();
    await sync(new FakeProgram(), { config: site.configuration(), json: true });
    return site;
  }

  write(name: string, content: string | Uint8Array): string {
    const path = join(this.folder, name);
    writeFileSync(path, content);
    return path;
  }

  read(name: string): string {
    return readFileSync(join(this.folder, name), "utf8");
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  /** A configuration with free ports of loopback and DHCP off; `more` is YAML of further keys. */
  configuration(more = "", file = "eim-pxe.yaml"): string {
    const lines = [
      "dataDir: data",
      'interfaces: [{ name: lo, address: 127.0.0.1, dhcp: { mode: "off" } }]',
      "tftp: { port: 0 }",
      "http: { port: 0 }",
      "artifacts:",
      `  origin: ${this.orchestrator.url()}`,
      "  ca: { file: ca.pem }",
      "  loaderDirs: [loaders]",
      more.includes("admin:") ? "" : 'admin: { listen: "127.0.0.1:0" }',
      more,
    ];
    return this.write(file, lines.join("\n"));
  }

  async close(): Promise<void> {
    await this.orchestrator.close();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

/** The base URL of a server's boot or admin port, from its event `listening`. */
export async function urlOf(server: Command, name: "http" | "admin"): Promise<string> {
  const { sockets } = await server.event("listening");
  const found = Array.isArray(sockets) ? sockets.map(String) : [];
  const socket = found.find((one) => one.startsWith(`${name} `)) ?? "";
  return `http://${socket.slice(name.length + 1)}`;
}
