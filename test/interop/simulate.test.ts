import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeMicroOs, orchestratorBootScript } from "../../src/demo/micro-os.ts";
import { Program } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { netnsMissing } from "../support/netns.ts";
import { StormSite, type StormSiteOptions, stormTarget } from "../support/storm-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/* `eim-pxe simulate` against the running server, and against dnsmasq and nginx, over a cable. */

const missing = reasonToSkip({ tools: ["dnsmasq", "nginx"], root: true }) ?? netnsMissing();

let program: Program;
let site: StormSite | null = null;
beforeAll(async () => {
  if (missing === null) program = await Program.build();
}, 120_000);
afterEach(async () => {
  await site?.close();
  site = null;
});
afterAll(() => program?.remove());

const small = {
  loaderBytes: 256 * 1024,
  kernelBytes: 1024 * 1024,
  initramfsBytes: 4 * 1024 * 1024,
};

async function opened(how: Partial<StormSiteOptions> = {}): Promise<StormSite> {
  site = await StormSite.open(program, { mode: "full", ...small, ...how });
  return site;
}

/** The addresses of the machines' host. */
function addresses({ clientHost }: StormSite): readonly string[] {
  const text = execFileSync("ip", ["-n", clientHost, "-4", "addr", "show", "dev", "eth0"]);
  return [...text.toString().matchAll(/inet ([\d.]+)/g)].map((match) => match[1] ?? "");
}

/** Starts a simulation that takes a while, and resolves once machines have addresses. */
async function started(own: StormSite): Promise<{
  kill(signal: NodeJS.Signals): void;
  pid: number;
  ended: Promise<{ code: number | null; out: string }>;
}> {
  const [command = "", ...args] = own.command("--nodes", "40", "--ramp", "60");
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  let out = "";
  child.stdout.on("data", (text) => (out += String(text)));
  const ended = new Promise<{ code: number | null; out: string }>((resolve) => {
    child.once("close", (code) => resolve({ code, out }));
  });
  while (addresses(own).length < 3) await sleep(50);
  return { kill: (signal) => void child.kill(signal), pid: child.pid ?? 0, ended };
}

/** The worker processes of a simulation. */
function workersOf(pid: number): readonly number[] {
  const text = execFileSync("ps", ["-o", "pid=", "--ppid", String(pid)]).toString();
  return text.trim().split(/\s+/).map(Number);
}

describe.skipIf(missing !== null)(`simulate${missing ? ` (${missing})` : ""}`, () => {
  test.each(["uefi", "bios", "uefi-http"] as const)(
    "%s machines boot from a server in mode full, each from its own address",
    async (firmware) => {
      const own = await opened();
      const { code, result } = await own.simulate(
        "--nodes",
        "20",
        "--ramp",
        "1",
        "--firmware",
        firmware,
      );
      expect(result).toMatchObject({
        nodes: 20,
        booted: 20,
        failures: [],
        ownAddresses: true,
        dhcp: { mode: "full", addressServer: stormTarget },
        server: { pid: own.serverPid },
      });
      expect(code).toBe(0);
      const stages = [
        "dhcp",
        "loader",
        "ipxe-dhcp",
        "script",
        "kernel",
        "initramfs",
        "system-dhcp",
      ];
      for (const stage of stages) expect(result?.stages[stage]?.count).toBe(20);
      // Loader, script, kernel, initramfs and the report's answer.
      const { loaderBytes, kernelBytes, initramfsBytes } = small;
      expect(result?.bytes).toBeGreaterThan(20 * (loaderBytes + kernelBytes + initramfsBytes));
      expect(addresses(own)).toEqual(["10.77.0.2"]);
    },
  );

  test("machines boot from a proxy beside dnsmasq", async () => {
    const own = await opened({ mode: "proxy" });
    const { code, result } = await own.simulate("--nodes", "20", "--ramp", "1");
    expect(result).toMatchObject({
      booted: 20,
      failures: [],
      dhcp: { mode: "proxy", addressServer: "10.77.0.3" },
    });
    expect(code).toBe(0);
  });

  test("without root machines ask port 4011, and the figures say that they share an address", async () => {
    const own = await opened();
    chmodSync(dirname(dirname(program.entry)), 0o755);
    const nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];
    const { code, result } = await own.simulateOn(own.clientHost, nobody, "--nodes", "5");
    expect(code).toBe(0);
    expect(result).toMatchObject({
      booted: 5,
      ownAddresses: false,
      dhcp: { mode: "none", addressServer: null },
      server: null,
    });
    expect(result?.stages["boot-server"]?.count).toBe(10);
    expect(result?.stages["dhcp"]).toBeUndefined();
  });

  test("on the server's own host its process is found", async () => {
    const own = await opened();
    const { code, result } = await own.simulateOn(own.serverHost, [], "--nodes", "5");
    expect(code).toBe(0);
    expect(result).toMatchObject({ booted: 5, ownAddresses: true, server: { pid: own.serverPid } });
  });

  test("Ctrl-C takes the addresses away, and says how far the machines were", async () => {
    const own = await opened();
    const running = await started(own);
    running.kill("SIGINT");
    const { code, out } = await running.ended;
    expect(code).toBe(4);
    expect(out).toContain("failed at run: it was interrupted");
    expect(addresses(own)).toEqual(["10.77.0.2"]);
  });

  test("a worker that is killed costs its machines, and leaves no address", async () => {
    const own = await opened();
    const running = await started(own);
    for (const pid of workersOf(running.pid)) process.kill(pid, "SIGKILL");
    const { code, out } = await running.ended;
    expect(code).toBe(4);
    expect(out).toContain("its worker process was ended");
    expect(addresses(own)).toEqual(["10.77.0.2"]);
  });

  test("its workers clean up where it is killed itself; what is left of a crash the next run removes", async () => {
    const own = await opened();
    const first = await started(own);
    process.kill(first.pid, "SIGKILL");
    await eventually(() => expect(addresses(own)).toEqual(["10.77.0.2"]));

    const second = await started(own);
    const pids = [second.pid, ...workersOf(second.pid)];
    for (const pid of pids) process.kill(pid, "SIGKILL");
    await second.ended;
    expect(addresses(own).length).toBeGreaterThan(2);
    // An address that a person added stays.
    own.net.ip(own.clientHost, "addr", "add", "10.77.0.99/32", "dev", "eth0");
    const { code } = await own.simulate("--nodes", "1");
    expect(code).toBe(0);
    expect(addresses(own)).toEqual(["10.77.0.2", "10.77.0.99"]);
  });

  test("a second one on the same interface is refused", async () => {
    const own = await opened();
    const running = await started(own);
    const { code, output } = await own.simulate("--nodes", "1");
    expect({ code, output }).toMatchObject({
      code: 2,
      output: expect.stringContaining("another eim-pxe simulate runs on eth0"),
    });
    running.kill("SIGINT");
    await running.ended;
  });

  test("nothing is sent where the target is not on the link, or does not answer", async () => {
    const own = await opened();
    const far = await own.simulate("--nodes", "3", "--target", "192.0.2.1");
    expect(far).toMatchObject({ code: 2, result: null });
    expect(far.output).toContain("in no network of this host");
    const silent = await own.simulate("--nodes", "3", "--target", "10.77.0.9");
    expect(silent.code).toBe(4);
    expect(silent.result).toMatchObject({ booted: 0, failed: 3, bytes: 0 });
    expect(silent.result?.failures).toEqual([
      { stage: "run", reason: expect.stringContaining("others did: 10.77.0.1"), count: 3 },
    ]);
  });

  test("machines that get nothing to boot are counted with the stage and the reason", async () => {
    const own = await opened({ configuration: { artifacts: { loaderDirs: ["/nonexistent"] } } });
    const { code, result } = await own.simulate("--nodes", "2");
    expect(code).toBe(4);
    expect(result).toMatchObject({ booted: 0, failed: 2 });
  });

  test("other servers are measured too: dnsmasq with nginx", async () => {
    const own = await opened();
    const host = own.net.host("other");
    own.net.cable(
      { host: own.clientHost, device: "eth1", addresses: ["10.78.0.2/24"] },
      { host, device: "eth0", addresses: ["10.78.0.1/24"] },
    );
    const root = join(own.folder, "other");
    mkdirSync(join(root, "artifacts"), { recursive: true });
    const { kernel, initramfs } = makeMicroOs(small);
    writeFileSync(join(root, "artifacts", "vmlinuz-x86_64"), kernel);
    writeFileSync(join(root, "artifacts", "initramfs-x86_64"), initramfs);
    writeFileSync(
      join(root, "boot.ipxe"),
      orchestratorBootScript("http://10.78.0.1:8080/artifacts"),
    );
    writeFileSync(join(root, "ipxe.efi"), kernel);
    writeFileSync(
      join(root, "nginx.conf"),
      `daemon off; master_process off; user root; pid ${root}/pid; error_log ${root}/error;
events { worker_connections 500; }
http { access_log off; sendfile on; server { listen 10.78.0.1:8080; root ${root}; } }`,
    );
    own.net.spawn(host, "nginx", "-c", join(root, "nginx.conf"));
    const dnsmasq = own.net.spawn(
      host,
      "dnsmasq",
      ..."-k -C /dev/null --log-facility=- --user=root --port=0 --no-ping --pid-file= --interface=eth0".split(
        " ",
      ),
      "--dhcp-range=10.78.0.100,10.78.0.200,255.255.255.0,1h",
      `--dhcp-leasefile=${join(root, "leases")}`,
      "--enable-tftp",
      `--tftp-root=${root}`,
      "--dhcp-match=set:ipxe,175",
      "--dhcp-boot=tag:!ipxe,ipxe.efi",
      "--dhcp-boot=tag:ipxe,http://10.78.0.1:8080/boot.ipxe",
    );
    await dnsmasq.said("DHCP, IP range");
    const { code, result, output } = await own.simulate(
      "--nodes",
      "20",
      "--ramp",
      "1",
      "--target",
      "10.78.0.1",
    );
    expect({ code, output: output.slice(0, 300) }).toMatchObject({ code: 0 });
    expect(result).toMatchObject({ target: "10.78.0.1", interface: "eth1", booted: 20 });
  });
});
