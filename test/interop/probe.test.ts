import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../support/command.ts";
import { createNetns, type Guest, type Netns, netnsMissing } from "../support/netns.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * `eim-pxe probe` on a link with a running `eim-pxe serve` in mode proxy and dnsmasq as the site's
 * DHCP server: one machine for each way in which a boot can fail.
 */

const missing = reasonToSkip({ tools: ["dnsmasq"], root: true }) ?? netnsMissing();
const mac = (number: number) => `52:54:00:00:00:${String(number).padStart(2, "0")}`;

const nodes = `
- { mac: "${mac(1)}", loader: absent.efi }
- { mac: "${mac(2)}", netboot: deny }
- { mac: "${mac(3)}", scriptUrl: "http://10.9.1.1:8080/nothing.ipxe" }
- { mac: "${mac(4)}", scriptUrl: "http://10.9.1.1:9/boot.ipxe" }
- { mac: "${mac(5)}", scriptUrl: "http://10.9.1.3:8080/boot.ipxe" }
- { mac: "${mac(7)}", netboot: deny }
`;

const site = (address: string, dhcp: string, more: string) => `
dataDir: ${more}
interfaces: [{ name: eth0, address: ${address}, dhcp: { mode: "${dhcp}" } }]
artifacts:
  origin: https://127.0.0.1:9/tink-stack
  ca: { file: ca.pem }
  loaderDirs: [loaders]
nodes: { file: nodes.yaml }
`;

/** What `--json` prints, and the exit code. */
interface Verdict {
  readonly exit: number | null;
  readonly wouldBoot: boolean;
  readonly steps: readonly unknown[];
  readonly servers: readonly unknown[];
  readonly code: string | null;
  readonly cause: string | null;
  readonly remedy: string | null;
}

describe.skipIf(missing !== null)(`probe${missing === null ? "" : ` (${missing})`}`, () => {
  let net: Netns;
  let files: ServedSite;
  let program: Program;
  const hosts = { boot: "", addresses: "", lonely: "", plain: "", machines: [""] };

  beforeAll(async () => {
    net = createNetns();
    // The server's own host cannot reach the orchestrator.
    [files, program] = await Promise.all([ServedSite.openMirrored(), Program.build()]);
    files.write("nodes.yaml", nodes);
    const boot = files.write("boot.yaml", site("10.9.1.1", "proxy", "data"));
    const empty = files.write("empty.yaml", site("10.9.1.3", "off", "empty"));

    const lan = link();
    hosts.boot = lan.host("boot", "10.9.1.1");
    hosts.addresses = lan.host("dhcp", "10.9.1.2");
    net.ip(hosts.addresses, "addr", "add", "10.8.8.2/24", "dev", "eth0");
    const emptyHost = lan.host("empty", "10.9.1.3");
    hosts.machines = Array.from({ length: 12 }, (_, i) => lan.host(`m${i}`, `10.9.1.${20 + i}`));
    // What the boot server answers to this one's HTTP does not arrive: a firewall that drops.
    net.ip(hosts.boot, "route", "add", "blackhole", "10.9.1.28/32");
    hosts.lonely = link().host("lonely", "10.9.2.9");
    const plainLan = link();
    hosts.plain = plainLan.host("plain", "10.9.3.9");

    const servers = [
      run(hosts.boot, "serve", "--config", boot),
      run(emptyHost, "serve", "--config", empty),
      dnsmasq(hosts.addresses, [
        `--dhcp-leasefile=${files.path("leases")}`,
        "--dhcp-range=10.9.1.100,10.9.1.150,10m",
        `--dhcp-host=${mac(6)},set:old`,
        "--dhcp-option-force=tag:old,60,PXEClient",
        `--dhcp-host=${mac(7)},set:own`,
        "--dhcp-boot=tag:own,boot.efi,,10.9.1.2",
        `--dhcp-host=${mac(10)},set:menu`,
        "--dhcp-option-force=tag:menu,60,PXEClient",
        "--dhcp-option-force=tag:menu,vendor:PXEClient,6,7",
        "--dhcp-range=10.8.8.0,static,255.255.255.0",
        `--dhcp-host=${mac(11)},set:far,10.8.8.11`,
        "--dhcp-option=tag:far,3",
      ]),
      dnsmasq(plainLan.host("dhcp2", "10.9.3.2"), [
        `--dhcp-leasefile=${files.path("leases2")}`,
        "--dhcp-range=10.9.3.100,10.9.3.150,10m",
      ]),
    ] as const;
    await Promise.all([
      servers[0].said('"event":"listening"'),
      servers[1].said('"event":"listening"'),
      servers[2].said("IP range"),
      servers[3].said("IP range"),
    ]);
  });

  afterAll(async () => {
    await net.close();
    await Promise.all([files.close(), program.remove()]);
  });

  /** A switch; hosts are plugged into it. */
  function link(): { host(role: string, address: string): string } {
    const number = switches++;
    const middle = net.host(`switch${number}`);
    net.ip(middle, "link", "add", "br0", "type", "bridge", "forward_delay", "0");
    net.ip(middle, "link", "set", "br0", "up");
    let ports = 0;
    return {
      host(role, address) {
        const name = net.host(role);
        const device = `port${ports++}`;
        net.cable(
          { host: middle, device, addresses: [] },
          { host: name, device: "eth0", addresses: [`${address}/24`] },
        );
        net.ip(middle, "link", "set", device, "master", "br0");
        return name;
      },
    };
  }
  let switches = 0;

  function run(host: string, ...parts: readonly string[]): Guest {
    return net.spawn(host, process.execPath, program.entry, ...parts);
  }

  function dnsmasq(host: string, flags: readonly string[]): Guest {
    const own = ["--no-daemon", "--conf-file=/dev/null", "--port=0", "--interface=eth0"];
    return net.spawn(host, "dnsmasq", ...own, "--no-ping", ...flags);
  }

  async function probe(host: string, ...flags: readonly string[]): Promise<Verdict> {
    const guest = run(host, "probe", "--interface", "eth0", "--json", ...flags);
    const { code, output } = await guest.ended();
    if (!output.includes("{")) throw new Error(`probe ended with ${code}: ${output}`);
    const verdict: Omit<Verdict, "exit"> = JSON.parse(output.slice(output.indexOf("{")));
    return { ...verdict, exit: code };
  }

  const machine = (index: number): string => hosts.machines[index] ?? "";
  const sha256 = /^[0-9a-f]{64}$/;

  test.concurrent("would boot: each step with time, bytes and checksum; no lease is taken", async () => {
    const result = await probe(machine(0));
    expect(result).toMatchObject({ exit: 0, wouldBoot: true, cause: null, remedy: null });
    const loader = readFileSync(files.path("loaders/ipxe.efi"));
    const downloaded = { ok: true, ms: expect.any(Number), bytes: expect.any(Number) };
    expect(result.steps).toMatchObject([
      { step: "discover", ok: true, ms: expect.any(Number) },
      {
        step: "loader",
        bytes: loader.length,
        sha256: createHash("sha256").update(loader).digest("hex"),
      },
      { step: "ipxe-discover", ok: true },
      { step: "script", ...downloaded, sha256: expect.stringMatching(sha256) },
      { step: "kernel", ...downloaded, bytes: 20_480 },
      { step: "initramfs", ...downloaded, sha256: expect.stringMatching(sha256) },
    ]);
    expect(result.servers).toContainEqual(
      expect.objectContaining({
        stage: "firmware",
        server: "10.9.1.2",
        offersAddress: expect.stringMatching(/^10\.9\.1\.1/),
        bootFile: null,
      }),
    );
    expect(result.servers).toContainEqual(
      expect.objectContaining({
        stage: "firmware",
        server: "10.9.1.1",
        offersAddress: null,
        bootFile: "ipxe.efi",
      }),
    );
    expect(readFileSync(files.path("leases"), "utf8")).toBe("");
  });

  test.concurrent("would boot by UEFI HTTP boot", async () => {
    const result = await probe(machine(9), "--firmware", "uefi-http");
    expect(result).toMatchObject({ exit: 0, wouldBoot: true });
    expect(result.steps[1]).toMatchObject({
      step: "loader",
      detail: expect.stringMatching(/^http:\/\/10\.9\.1\.1:8080\/.*ipxe\.efi$/),
    });
  });

  test.concurrent("would boot, asked on the server's own host, which overhears others there", async () => {
    const result = await probe(hosts.boot);
    expect(result).toMatchObject({ exit: 0, wouldBoot: true });
  });

  test.concurrent("no server", async () => {
    const result = await probe(hosts.lonely);
    expect(result).toMatchObject({ exit: 4, wouldBoot: false, code: "no-server", servers: [] });
  });

  test.concurrent("only an address server, which is named", async () => {
    const result = await probe(hosts.plain);
    expect(result).toMatchObject({
      exit: 4,
      code: "no-boot-information",
      cause: expect.stringContaining("10.9.3.2"),
    });
  });

  /** Index of the machine's host, its flags, the step that fails, and the cause. */
  test.concurrent.each<[string, number, readonly string[], string, string, RegExp]>([
    ["loader missing", 1, [], "loader", "file-missing", /absent\.efi.*missing.*10\.9\.1\.1/],
    [
      "machine denied",
      2,
      [],
      "script",
      "machine-denied",
      /52:54:00:00:00:02.*denied: http:\/\/10\.9\.1\.1/,
    ],
    ["wrong script URL", 3, [], "script", "url-wrong", /nothing\.ipxe gives status 404/],
    ["HTTP port refused", 4, [], "script", "http-refused", /10\.9\.1\.1:9 refused/],
    ["mirror empty", 5, [], "script", "mirror-empty", /mirror is empty: http:\/\/10\.9\.1\.3/],
    ["unbeatable server", 6, [], "boot-server", "unbeatable-server", /10\.9\.1\.2 sends option 60/],
    [
      "TFTP port closed",
      7,
      [],
      "loader",
      "tftp-silent",
      /nothing listens on UDP 69 of 10\.9\.1\.2/,
    ],
    [
      "HTTP port blocked",
      8,
      ["--firmware", "ipxe"],
      "script",
      "http-blocked",
      /10\.9\.1\.1:8080 is blocked/,
    ],
    // By the rows that a server judges boots by.
    [
      "broken boot menu",
      10,
      [],
      "boot-server",
      "broken-boot-menu",
      /10\.9\.1\.2 offers .* lacks 43/,
    ],
    [
      "address of another network",
      11,
      [],
      "discover",
      "server-out-of-reach",
      /10\.9\.1\.2|10\.8\.8\.2 gives this machine an address of 10\.8\.8\.0\/24 and no router/,
    ],
  ])("%s", async (_, number, flags, step, code, cause) => {
    const result = await probe(machine(number), "--mac", mac(number), ...flags);
    expect(result).toMatchObject({ exit: 4, wouldBoot: false, code });
    expect(result.cause).toMatch(cause);
    expect(result.remedy).not.toBe("");
    expect(result.steps.at(-1)).toMatchObject({ step, ok: false });
  });
});
