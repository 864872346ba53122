import { createServer, type Server } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { doctor } from "../../src/commands/doctor.ts";
import { type Certificate, makeCertificate } from "../../src/lib/certificate.ts";
import { startOrchestrator } from "../../src/demo/orchestrator.ts";
import { certify } from "../support/certificates.ts";
import { FakeProgram } from "../support/program.ts";
import { ServedSite } from "../support/served-site.ts";

/*
 * `eim-pxe doctor` with a configuration, on loopback: each fault is made, and has to be named with its remedy.
 * What needs a network of its own is in test/interop/doctor.test.ts.
 */

interface Line {
  readonly id: string;
  readonly status: "ok" | "warn" | "fail";
  readonly found: string;
  readonly remedy: string | null;
  readonly code: string | null;
}

let site: ServedSite;
let toClose: { close(): unknown }[] = [];
beforeEach(async () => {
  site = await ServedSite.open();
  site.write("loaders/undionly.kpxe", Buffer.alloc(70_000, 1));
});
afterEach(async () => {
  for (const one of toClose.splice(0)) await one.close();
  await site.close();
});

async function examine(config: string): Promise<{ exit: number; lines: readonly Line[] }> {
  const program = new FakeProgram();
  const exit = await doctor(program, { config, interface: null, json: true });
  const { checks }: { checks: readonly Line[] } = JSON.parse(program.written);
  return { exit, lines: checks };
}

/** The configuration of the site with another origin. */
function withOrigin(url: string, ca: string | null): string {
  return site.write(
    "other.yaml",
    [
      "dataDir: data",
      'interfaces: [{ name: lo, address: 127.0.0.1, dhcp: { mode: "off" } }]',
      "tftp: { port: 0 }",
      "http: { port: 0 }",
      'admin: { listen: "127.0.0.1:0" }',
      `artifacts: { origin: "${url}", ca: { file: ${ca ?? "null"} }, loaderDirs: [loaders] }`,
    ].join("\n"),
  );
}

/** The URL of an orchestrator that presents this certificate. */
async function originWith(certificate: Certificate): Promise<string> {
  const files = new Map([["boot.ipxe", Buffer.from("#!ipxe\n")]]);
  const orchestrator = await startOrchestrator({ files, certificate });
  toClose.push(orchestrator);
  return orchestrator.url();
}

const codes = (lines: readonly Line[]) =>
  lines.filter(({ status }) => status === "fail").map(({ code }) => code);

describe("doctor, where all is well", () => {
  it("fails nothing, and every line says what was found", async () => {
    const { exit, lines } = await examine(site.configuration());
    expect(codes(lines)).toEqual([]);
    expect(exit).toBe(0);
    const ids = new Set(lines.map(({ id }) => id));
    for (const id of [
      "configuration",
      "interface",
      "ports",
      "origin",
      "certificate",
      "clock",
      "disk",
      "loaders",
    ]) {
      expect(ids).toContain(id);
    }
    expect(lines.every(({ found }) => found !== "")).toBe(true);
    expect(lines.filter(({ status, remedy }) => status !== "ok" && remedy === null)).toEqual([]);
  });

  it("says it in lines for people", async () => {
    const program = new FakeProgram();
    await doctor(program, { config: site.configuration(), interface: null, json: false });
    const text = program.written;
    expect(text).toMatch(/^ok {4}interface: lo is up with 127\.0\.0\.1; DHCP mode off$/m);
    expect(text).toContain("Nothing is in the way of a boot");
  });

  it("changes nothing on disk", async () => {
    await examine(site.configuration());
    expect(() => site.read("data/artifacts/ca.json")).toThrow(/ENOENT/);
  });
});

describe("doctor of a link that it cannot play on", () => {
  it("names an interface that is not there, in the form that is asked for", async () => {
    const options = { config: null, interface: "absent0" };
    const program = new FakeProgram();
    expect(await doctor(program, { ...options, json: true })).toBe(4);
    expect(JSON.parse(program.written)).toEqual({
      checks: [
        expect.objectContaining({ id: "interface", status: "fail", code: "interface-unknown" }),
      ],
    });
    const forPeople = new FakeProgram();
    expect(await doctor(forPeople, { ...options, json: false })).toBe(4);
    expect(forPeople.written).toMatch(/^fail {2}interface: there is no network interface absent0/);
  });
});

describe("doctor names", () => {
  it("a configuration that is wrong, with its line", async () => {
    const { exit, lines } = await examine(site.write("wrong.yaml", "htpp: {}\n"));
    expect(exit).toBe(4);
    expect(lines).toMatchObject([
      {
        id: "configuration",
        status: "fail",
        found: expect.stringMatching(/wrong\.yaml:1:1: .*http/),
      },
    ]);
  });

  it("a TCP port that is taken, and by whom", async () => {
    const server: Server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    toClose.push({ close: () => new Promise((resolve) => server.close(resolve)) });
    const address = server.address();
    const port = typeof address === "object" ? (address?.port ?? 0) : 0;
    const { exit, lines } = await examine(
      site.configuration(`admin: { listen: "127.0.0.1:${port}" }`),
    );
    expect(exit).toBe(4);
    expect(lines).toContainEqual(
      expect.objectContaining({
        id: "ports",
        status: "fail",
        code: "port-in-use",
        found: expect.stringContaining(`process ${process.pid}`),
        remedy: expect.stringContaining("ss -ltnp"),
      }),
    );
  });

  it("an origin at which nothing listens", async () => {
    const { lines } = await examine(withOrigin("https://127.0.0.1:9/tink-stack", "ca.pem"));
    expect(codes(lines)).toEqual(["origin-down"]);
    // There may be several of them.
    expect(lines.find(({ id }) => id === "origin")?.found).toMatch(
      /^https:\/\/127\.0\.0\.1:9\/tink-stack\/boot\.ipxe could not be fetched: nothing listens/,
    );
  });

  it("an origin that gives no file, with what it answered", async () => {
    site.orchestrator.intercept((_name, _request, response) => {
      response.writeHead(405).end();
      return true;
    });
    const { lines } = await examine(site.configuration());
    expect(lines.find(({ id, status }) => id === "origin" && status === "fail")?.found).toMatch(
      /boot\.ipxe was answered with 405: not what a file server answers$/,
    );
  });

  it("an origin whose name nobody knows", async () => {
    const { lines } = await examine(withOrigin("https://nowhere.invalid/tink-stack", null));
    expect(codes(lines)).toEqual(["origin-name-unknown"]);
  });

  it("an origin without the files", async () => {
    const { lines } = await examine(withOrigin(`${site.orchestrator.url()}/elsewhere`, "ca.pem"));
    expect(codes(lines)).toEqual(["origin-incomplete"]);
  });

  it("the wrong CA", async () => {
    const url = await originWith(await makeCertificate([], Date.now()));
    const { exit, lines } = await examine(withOrigin(url, "ca.pem"));
    expect(exit).toBe(4);
    expect(codes(lines)).toEqual(["certificate-self-signed"]);
    expect(lines.find(({ id }) => id === "origin")?.found).toMatch(/^https:.*: the certificate/);
    expect(lines.find(({ id }) => id === "origin")?.remedy).toMatch(/SHA-256/);
  });

  it("a certificate that has expired", async () => {
    const url = await originWith(await makeCertificate([], Date.now() - 2 * 366 * 86_400_000));
    const { lines } = await examine(withOrigin(url, "ca.pem"));
    expect(codes(lines)[0]).toBe("certificate-expired");
  });

  it("a firewall that opens TLS", async () => {
    const ca = await certify("Zscaler Intermediate Root CA", null, { isCa: true });
    const url = await originWith(await certify("localhost", ca));
    const { lines } = await examine(withOrigin(url, "ca.pem"));
    expect(codes(lines)).toEqual(["tls-inspected"]);
    expect(lines.find(({ id }) => id === "origin")?.remedy).toMatch(/excepted from TLS inspection/);
  });

  it("a clock that is a year off", async () => {
    const year = 366 * 86_400_000;
    site.orchestrator.intercept((name, _request, response) => {
      if (!name.endsWith("boot.ipxe")) return false;
      response.writeHead(200, { date: new Date(Date.now() + year).toUTCString() }).end();
      return true;
    });
    const { exit, lines } = await examine(site.configuration());
    expect(exit).toBe(4);
    const clock = lines.find(({ id }) => id === "clock");
    expect(clock).toMatchObject({ status: "fail", code: "clock-wrong" });
    expect(clock?.found).toMatch(/366 days behind/);
    expect(clock?.remedy).toMatch(/timedatectl/);
  });

  it("a loader that is missing, and one that is for other machines", async () => {
    const { lines } = await examine(site.configuration("boot: { loaders: { 7: snponly.efi } }"));
    expect(codes(lines)).toEqual(["loader-missing"]);
    expect(lines.find(({ code }) => code === "loader-missing")?.found).toMatch(
      /snponly\.efi.*x86-64 UEFI/,
    );
    const other = await examine(site.configuration("boot: { loaders: { 7: undionly.kpxe } }"));
    expect(codes(other.lines)).toEqual(["loader-for-others"]);
  });

  it("a mirror that cannot be filled", async () => {
    const config = site.write(
      "bare.yaml",
      'interfaces: [{ name: lo, address: 127.0.0.1, dhcp: { mode: "off" } }]\ndataDir: none\ntftp: { port: 0 }\nhttp: { port: 0 }\nadmin: { listen: "127.0.0.1:0" }\nartifacts: { loaderDirs: [loaders] }\n',
    );
    const { lines } = await examine(config);
    expect(codes(lines)).toEqual(["mirror-without-source"]);
    expect(lines).toContainEqual(
      expect.objectContaining({ code: "origin-not-set", status: "warn" }),
    );
  });
});
