import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { certify } from "../support/certificates.ts";
import { type Command, Program } from "../support/command.ts";
import { ServedSite } from "../support/served-site.ts";

let program: Program;
let site: ServedSite;
const running: Command[] = [];

beforeAll(async () => {
  program = await Program.build();
});
afterAll(() => program.remove());
beforeEach(async () => {
  site = await ServedSite.open();
});
afterEach(async () => {
  for (const command of running.splice(0)) {
    command.kill("SIGKILL");
    await command.finished();
  }
  await site.close();
});

function serve(config: string): Command {
  const command = program.start(["serve", "--config", config]);
  running.push(command);
  return command;
}

describe("eim-pxe serve at SIGHUP", () => {
  it("stays up when it finds a broken nodes file, and reads it when mended", async () => {
    const nodes = site.write("nodes.yaml", "[]\n");
    const server = serve(site.configuration("nodes: { file: nodes.yaml }"));
    await server.event("listening");
    const broken = ["- mac: nonsense\n", "- serial: *nothing\n", "- [\n"];
    for (const [index, text] of broken.entries()) {
      site.write("nodes.yaml", text);
      server.kill("SIGHUP");
      const { reason } = await server.event("reload-failed", index + 1);
      expect(reason).toMatch(new RegExp(`^${nodes}:\\d+:\\d+: `));
    }
    site.write("nodes.yaml", "- mac: 52:54:00:00:00:01\n");
    server.kill("SIGHUP");
    expect(await server.event("reloaded")).toMatchObject({ nodes: 1 });
  });

  it("field fault 69: says that there is no nodes file to read again", async () => {
    const server = serve(site.configuration());
    await server.event("listening");
    server.kill("SIGHUP");
    const { reason } = await server.event("reload-failed");
    expect(reason).toMatch(/^none of nodes\.file, http\.tls and admin\.tls is set/);
  });

  it("reads the certificate of the admin port again, also where there is nothing else to read", async () => {
    const { cert, key } = await certify("admin", null);
    site.write("admin.crt", cert);
    site.write("admin.key", key);
    const tls = "tls: { certFile: admin.crt, keyFile: admin.key }";
    const server = serve(site.configuration(`admin: { listen: "127.0.0.1:0", ${tls} }`));
    await server.event("listening");
    site.write("admin.key", "no key");
    server.kill("SIGHUP");
    await server.event("admin-certificate-rejected");
    server.kill("SIGTERM");
    await server.finished();
    expect(server.log().map(({ event }) => event)).not.toContain("reload-failed");
  });
});
