import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Command, Program } from "../support/command.ts";
import { HostApiDouble } from "../support/host-api.ts";
import { ServedSite, urlOf } from "../support/served-site.ts";

const mac = "52:54:00:00:00:07";
const uuid = "4c4c4544-0000-1000-8000-000000000007";

let program: Program;
let site: ServedSite;
let double: HostApiDouble;
let server: Command | null = null;

beforeAll(async () => {
  program = await Program.build();
});
afterAll(() => program.remove());
beforeEach(async () => {
  site = await ServedSite.open();
  double = new HostApiDouble();
  await double.open();
  site.write("user", "reader\n");
  site.write("password", "s3cret\n");
});
afterEach(async () => {
  server?.kill("SIGKILL");
  await server?.finished();
  await double.close();
  await site.close();
});

const configuration = () => {
  const { apiUrl, issuerUrl } = double;
  const keys = {
    apiUrl,
    issuerUrl,
    project: "site-1",
    usernameFile: "user",
    passwordFile: "password",
  };
  return site.configuration(`nodes: { orchestrator: ${JSON.stringify(keys)} }`);
};

describe("eim-pxe serve with nodes.orchestrator", () => {
  it("says in the machine's timeline whether it is registered, and nobody waits for that", async () => {
    const config = configuration();
    double.refuses = "silence";
    server = program.start(["serve", "--config", config]);
    await server.event("ready");
    const script = `${await urlOf(server, "http")}/${mac}/boot.ipxe?uuid=${uuid}&serial=SERIAL7`;
    // The orchestrator takes the question and never answers it; the machine has its script.
    expect((await fetch(script)).status).toBe(200);
    double.refuses = null;
    await double.close();
    expect((await server.event("registration-unknown"))["mac"]).toBe(mac);
    await double.open();
    expect((await server.event("not-registered"))["mac"]).toBe(mac);
    const shown = await program.run(["nodes", "show", mac, "--config", config]);
    expect(shown.out).toMatch(
      /script\norchestrator .*not registered at the orchestrator yet: the Micro-OS will wait/,
    );
    expect(JSON.stringify(server.log())).not.toContain("s3cret");
    server.kill("SIGTERM");
    expect((await server.finished()).code).toBe(0);
  });

  it("does not start without what it is to log in by, and names each file", async () => {
    const config = configuration();
    site.write("password", "\n");
    const checked = await program.run(["check", "--config", config]);
    expect(checked.code).toBe(2);
    expect(checked.err).toMatch(/password:1:1: is empty \(nodes\.orchestrator\.passwordFile\)/);
    const far = site.configuration(
      'nodes: { orchestrator: { apiUrl: "http://api.example", project: a, issuerUrl: "https://id.example", usernameFile: user } }',
      "far.yaml",
    );
    const faults = await program.run(["check", "--config", far]);
    expect(faults.err).toMatch(/apiUrl.*must be https: the password and the token go there/);
    expect(faults.err).toMatch(/needs passwordFile, too/);
  });
});
