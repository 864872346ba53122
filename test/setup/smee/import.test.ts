import { describe, expect, it } from "vitest";
import { importFromSmee } from "../../../src/commands/import-smee.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { flagRows } from "../../../src/setup/smee/flags.ts";
import { importSmee } from "../../../src/setup/smee/import.ts";
import {
  canonicalName,
  parseEnvironment,
  readFlags,
  readVariables,
} from "../../../src/setup/smee/read.ts";
import { readValues } from "../../../src/setup/smee/values.ts";
import { isForIpv6, smeeFlagNames } from "../../support/docs/smee-flags.ts";
import { FakeProgram } from "../../support/program.ts";
import { importOf } from "../../support/smee-site.ts";

const lines = smeeFlagNames;

const fromFlags = (...words: readonly string[]) => importSmee(readFlags(words));
const configOf = (text: string) => parseConfig(text, null, {});

describe("every flag of SMEE", () => {
  const known = new Set(flagRows.flatMap(({ flags }) => flags));
  it.each(Object.entries(lines))("of %s has its row", (_line, flags) => {
    const served = flags.filter((flag) => !isForIpv6(flag)).map(canonicalName);
    expect(served.filter((flag) => !known.has(flag))).toEqual([]);
  });
});

describe("the import", () => {
  it.each(
    (["smee", "smee-standalone"] as const).flatMap((flavour) =>
      ["reservation", "proxy", "auto-proxy"].map((mode) => ({ flavour, mode })),
    ),
  )("is told the mode: $flavour $mode", ({ flavour, mode }) => {
    const config = configOf(importOf(flavour, mode));
    expect(config.dhcp.compatibility).toBe(flavour);
    expect(config.interfaces[0]?.dhcp.mode).toBe(mode === "reservation" ? "full" : "proxy");
    expect(config.nodes.unknown).toBe(mode === "proxy" ? "deny" : "allow");
  });

  it("takes old names and those in -v4, one dash or two, values behind = or a space", () => {
    const now = fromFlags(
      "--dhcp-mode-v4=proxy",
      "--public-ip-v4",
      "10.1.1.1",
      "--http-port-v4",
      "80",
    );
    const before = fromFlags("-dhcp-mode", "proxy", "--public-ipv4=10.1.1.1", "-http-port=80");
    expect(configOf(now)).toEqual(configOf(before));
    expect(configOf(now)).toMatchObject({
      http: { port: 80 },
      interfaces: [{ address: "10.1.1.1", dhcp: { mode: "proxy" } }],
    });
  });

  it("takes the environment of both lines, in which an explicit -v4 wins", () => {
    const current = importSmee(
      readVariables({
        TINKERBELL_DHCP_MODE: "reservation",
        TINKERBELL_DHCP_MODE_V4: "auto-proxy",
        TINKERBELL_IPXE_HTTP_SCRIPT_EXTRA_KERNEL_ARGS: "console=ttyS0 quiet",
        PATH: "/bin",
      }),
    );
    expect(configOf(current)).toMatchObject({
      boot: { kernelArgs: ["console=ttyS0", "quiet"] },
      dhcp: { compatibility: "smee" },
      interfaces: [{ dhcp: { mode: "proxy" } }],
    });
    const standalone = importSmee(
      readVariables({ SMEE_DHCP_IFACE: "eno1", SMEE_TFTP_ENABLED: "false" }),
    );
    expect(configOf(standalone)).toMatchObject({
      dhcp: { compatibility: "smee-standalone", allowOtherServers: true },
      http: { port: 8080 },
      interfaces: [{ name: "eno1", dhcp: { mode: "full" } }],
      tftp: { enabled: false },
    });
  });

  it("takes the values of the charts tinkerbell, smee and stack", () => {
    const current = `
publicIP: 192.168.2.116
trustedProxies: [10.42.0.0/16, 10.43.0.0/16]
artifactsFileServer: http://192.168.2.117:7173
deployment:
  additionalArgs: ["--tftp-block-size=1400"]
  additionalEnvs: [{ name: TINKERBELL_SYSLOG_ENABLED, value: "false" }]
  envs:
    globals: { backend: file, backendFilePath: /data/hw.yaml, logLevel: 1 }
    smee:
      dhcpMode: auto-proxy
      dhcpBindInterface: macvlan0
      dhcpIPForPacket: ""
      ipxeHttpScriptExtraKernelArgs: [a=b, c]
      ipxeOverrideArchMapping: "11=snp-arm64.efi,0=undionly.kpxe"
      isoEnabled: true
    rufio: { logLevel: 3 }
`;
    const text = importSmee(readValues(current, "values.yaml"));
    expect(configOf(text)).toMatchObject({
      interfaces: [{ name: "macvlan0", address: "192.168.2.116", dhcp: { mode: "proxy" } }],
      boot: {
        kernelArgs: ["a=b", "c"],
        loaders: { 0: "undionly.kpxe", 11: "snp-arm64.efi" },
        script: "hook",
        hook: { url: "http://192.168.2.117:7173" },
      },
      iso: { source: null },
      tftp: { maxBlockSize: 1400 },
      log: { level: "debug" },
    });
    const chart = `
oneIP: 192.168.2.50
dhcp: { enabled: true, mode: proxy, httpIPXE: { scriptUrl: { host: "", port: 7171 } } }
http: { port: 7171, additionlKernelArgs: [x=y] }
`;
    const expected = {
      dhcp: { compatibility: "smee-standalone" },
      http: { port: 7171 },
      interfaces: [{ address: "192.168.2.50", dhcp: { mode: "proxy" } }],
      boot: { kernelArgs: ["x=y"] },
    };
    expect(configOf(importSmee(readValues(chart, "values.yaml")))).toMatchObject(expected);
    const stack = `smee:\n${chart.replaceAll(/^/gm, "  ")}`;
    expect(configOf(importSmee(readValues(stack, "values.yaml")))).toMatchObject(expected);
  });

  it("says what it does not know, what is IPv6, and what cannot be read", () => {
    const text = fromFlags(
      "--dhcp-mode=proxy",
      "--dhcp-mode-v6=stateless",
      "--colour=red",
      "--ipxe-override-arch-mapping=x",
    );
    expect(text).toContain("# --dhcp-mode-v6=stateless: IPv6 is not served");
    expect(text).toContain("# --colour=red: no setting of SMEE that eim-pxe knows");
    expect(text).toContain('"x" is no list of NUMBER=FILE');
    expect(fromFlags("--dhcp-mode=derived")).toContain('"derived" is no mode of SMEE for IPv4');
    expect(() => readFlags(["proxy"])).toThrow(/no flag of SMEE/);
    expect(() => readValues("- a\n", "v.yaml")).toThrow(/v\.yaml: holds no Helm values/);
    expect(() => readValues("a: 1\n", "v.yaml")).toThrow(/charts tinkerbell, stack or smee/);
    expect(() => readValues("a: [\n", "v.yaml")).toThrow(/v\.yaml: is no YAML/);
  });

  it("keeps comments on one line each, whatever is in a value", () => {
    const text = fromFlags("--dhcp-mode=proxy", "--colour=a\ninterfaces: []");
    expect(configOf(text).interfaces).toHaveLength(1);
  });

  it.each(
    Object.entries(lines).flatMap(([line, flags]) =>
      ["", "true", "false", "7", "10.1.1.1:99", "some text"].map((value) => ({
        line,
        flags,
        value,
      })),
    ),
  )(
    "has a result that check accepts with every flag of $line at '$value'",
    ({ line, flags, value }) => {
      const given = new Map(flags.map((flag) => [flag, value]));
      const text = importSmee({ flags: given, line: line === "smee" ? "smee" : "smee-standalone" });
      expect(configOf(text).interfaces).toHaveLength(1);
    },
  );
});

describe("HookOS, its images and loaders elsewhere", () => {
  it("become boot.hook, iso and tftp.advertise, for both lines", () => {
    const current = fromFlags(
      "--public-ip-v4=10.1.1.1",
      "--dhcp-tftp-ip-v4=10.1.1.9",
      "--dhcp-tftp-port-v4=1069",
      "--dhcp-syslog-ip-v4=10.1.1.8",
      "--ipxe-http-script-osie-url-v4=http://files.example:7173",
      "--ipxe-http-script-kernel-name=vmlinuz-lts",
      "--ipxe-http-script-retries=3",
      "--ipxe-script-tink-server-addr-port-v4=10.1.1.7:42113",
      "--ipxe-script-tink-server-use-tls=true",
      "--iso-enabled=true",
      "--iso-upstream-url=https://files.example/hook.iso",
      "--iso-static-ipam-enabled-v4=true",
    );
    expect(configOf(current)).toMatchObject({
      boot: {
        script: "hook",
        hook: {
          url: "http://files.example:7173",
          kernel: "vmlinuz-lts",
          initrd: "initramfs",
          tinkServer: "10.1.1.7:42113",
          tls: true,
          syslogHost: "10.1.1.8",
          retries: 3,
          retryDelaySeconds: null,
        },
      },
      iso: { source: "https://files.example/hook.iso", staticAddresses: true },
      tftp: { advertise: "10.1.1.9:1069", port: 69 },
    });
    const standalone = importSmee(
      readVariables({
        SMEE_OSIE_URL: "http://files.example/hook",
        SMEE_TINK_SERVER: "10.1.1.7:42113",
        SMEE_IPXE_SCRIPT_RETRY_DELAY: "5",
        SMEE_ISO_ENABLED: "true",
        SMEE_ISO_URL: "http://files.example/hook.iso",
        SMEE_ISO_MAGIC_STRING: "0123456789abcdef0123",
      }),
    );
    expect(configOf(standalone)).toMatchObject({
      dhcp: { compatibility: "smee-standalone" },
      boot: { script: "hook", hook: { tinkServer: "10.1.1.7:42113", retryDelaySeconds: 5 } },
      iso: { source: "http://files.example/hook.iso", placeholder: "0123456789abcdef0123" },
    });
  });

  it("stay out where machines run a script elsewhere, and where SMEE's own defaults were set", () => {
    const elsewhere = fromFlags(
      "--dhcp-http-ipxe-script-url=http://own.example/x",
      "--osie-url=http://files.example",
    );
    expect(configOf(elsewhere).boot).toMatchObject({ script: "mirror", hook: { url: null } });
    expect(elsewhere).toMatch(/# --osie-url: would be boot\.script: "hook"/);
    const usual = fromFlags(
      "--ipxe-http-script-retries=1",
      "--iso-enabled=false",
      "--tink-server=",
    );
    expect(configOf(usual)).toMatchObject({ boot: { script: "mirror" }, iso: null });
  });

  it("and the defaults for names become smee-2026-10", () => {
    const text = fromFlags(
      "--dhcp-default-name-servers-v4=10.0.0.53,10.0.0.54",
      "--dhcp-default-domain-search-list-v4=site.example",
    );
    expect(configOf(text)).toMatchObject({
      dhcp: { compatibility: "smee-2026-10" },
      interfaces: [{ dhcp: { dns: ["10.0.0.53", "10.0.0.54"], domainSearch: ["site.example"] } }],
    });
    expect(text).not.toContain("# --dhcp-default");
  });
});

describe("import smee", () => {
  it("takes flags over the environment, and says so when it is given nothing", () => {
    const program = new FakeProgram("", { SMEE_DHCP_MODE: "proxy", SMEE_HTTP_PORT: "9000" });
    expect(importFromSmee(program, { env: null, values: null, flags: ["-http-port=81"] })).toBe(0);
    const config = configOf(program.written);
    expect(config).toMatchObject({ http: { port: 81 }, nodes: { unknown: "deny" } });
    const nothing = { env: null, values: null, flags: [] };
    expect(() => importFromSmee(new FakeProgram(), nothing)).toThrow(/nothing of SMEE was given/);
    const absent = { env: "/nowhere/smee.env", values: null, flags: [] };
    expect(() => importFromSmee(new FakeProgram(), absent)).toThrow(/smee\.env/);
  });
});

it("SMEE's collector is asked by HTTP, and it is said that SMEE's port is another one", () => {
  const text = fromFlags("--otel-endpoint=collector.example:4317", "--otel-insecure=true");
  expect(configOf(text).telemetry.otlp?.url).toBe("http://collector.example:4318");
  expect(text).toContain("SMEE sends traces by gRPC (port 4317)");
});

describe("what SMEE does where nothing is said", () => {
  it("an address of its HTTP server is no port", () => {
    expect(configOf(fromFlags("--http-addr=192.168.2.50")).http.port).toBe(8080);
    expect(configOf(fromFlags("--http-addr=192.168.2.50:7171")).http.port).toBe(7171);
    expect(configOf(fromFlags("--http-addr=192.168.2.50", "--http-port=81")).http.port).toBe(81);
  });

  it("takes the mode that it says for one that SMEE does not know", () => {
    const text = fromFlags("--dhcp-mode=derived");
    expect(text).toContain("reservation is taken");
    expect(configOf(text).interfaces[0]?.dhcp.mode).toBe("full");
  });

  it("sends everything by TFTP from its port, unless that was switched off", () => {
    expect(configOf(fromFlags("--dhcp-mode=proxy")).tftp.singlePort).toBe(true);
    expect(configOf(fromFlags("--tftp-single-port=false")).tftp.singlePort).toBe(false);
    const variables = readVariables({ TINKERBELL_TFTP_SINGLE_PORT: "" });
    expect(configOf(importSmee(variables)).tftp.singlePort).toBe(true);
  });

  it("asks a collector without TLS in the standalone program only", () => {
    const url = (name: string) =>
      configOf(importSmee(readVariables({ [name]: "collector.example:4318" }))).telemetry.otlp?.url;
    expect(url("SMEE_OTEL_ENDPOINT")).toBe("http://collector.example:4318");
    expect(url("TINKERBELL_OTEL_ENDPOINT")).toBe("https://collector.example:4318");
  });

  it("has machines fetch the script at the port and by the scheme that they were told", () => {
    const own = ["--public-ipv4=10.1.1.1", "--dhcp-ipxe-http-script-host=10.1.1.1"];
    const urlWith = (...flags: readonly string[]) =>
      configOf(fromFlags(...own, ...flags)).boot.scriptUrl;
    expect(urlWith("--dhcp-ipxe-http-script-port=7080")).toBeNull();
    expect(
      urlWith("--dhcp-ipxe-http-script-port=8443", "--dhcp-ipxe-http-script-scheme=https"),
    ).toBe("https://10.1.1.1:8443/ipxe/script/{mac}/auto.ipxe");
    expect(fromFlags("--dhcp-ipxe-http-script-port=8443")).toContain("set boot.scriptUrl");
  });

  it("does not name a file of the standalone program's own form", () => {
    const flags = ["-backend-file-enabled", "-backend-file-path=/etc/smee/hardware.yaml"];
    const text = fromFlags(...flags);
    expect(configOf(text).nodes).toMatchObject({ file: null, format: "eim" });
    expect(text).toContain("write its machines as entries of a nodes file");
    const current = fromFlags("--backend=file", "--backend-file-path=/etc/hardware.yaml");
    expect(configOf(current).nodes.format).toBe("tinkerbell");
  });

  it("receives syslog at the port of either name", () => {
    const portOf = (flag: string) => configOf(fromFlags("--syslog-enabled=true", flag)).syslog.port;
    expect(portOf("--syslog-port=1514")).toBe(1514);
    expect(portOf("--syslog-bind-port-v4=1514")).toBe(1514);
    expect(portOf("--syslog-addr=0.0.0.0:1514")).toBe(1514);
    expect(portOf("--dhcp-mode=proxy")).toBe(514);
  });

  it("has HookOS ask its Tink server by TLS where it has a certificate itself", () => {
    const files = ["--tls-cert-file=/c.pem", "--tls-key-file=/k.pem"];
    const url = "--ipxe-http-script-osie-url=http://files.example";
    expect(configOf(fromFlags(url, ...files)).boot.hook.tls).toBe(true);
    expect(configOf(fromFlags(url)).boot.hook.tls).toBe(false);
  });
});

it("takes a quoted variable with a comment behind it", () => {
  expect(parseEnvironment(`A="x y" # why\nB='z # z'\nC=1 # one\n`)).toEqual({
    A: "x y",
    B: "z # z",
    C: "1",
  });
});

it("HookOS starts the worker that the chart names, and where only the chart knows it that is said", () => {
  const values = (deployment: string) =>
    importSmee(
      readValues(`artifactsFileServer: http://10.1.1.9:7173\ndeployment: ${deployment}`, "v.yaml"),
    );
  expect(configOf(values("{ agentImageTag: v0.22.0 }")).boot.kernelArgs).toEqual([
    "tink_worker_image=ghcr.io/tinkerbell/tink-agent:v0.22.0",
  ]);
  const untold = values("{ agentImage: registry.example/agent }");
  expect(configOf(untold).boot.kernelArgs).toEqual([]);
  expect(untold).toContain("tink_worker_image=registry.example/agent:VERSION");
});

describe("the charts of the standalone program", () => {
  const fromValues = (text: string) => configOf(importSmee(readValues(text, "values.yaml")));

  it("have one address for everything, wherever it stands", () => {
    const expected = {
      dhcp: { compatibility: "smee-standalone" },
      interfaces: [{ address: "192.168.2.50" }],
      http: { port: 7171 },
      boot: {
        script: "hook",
        hook: { url: "http://192.168.2.50:8080", tinkServer: "192.168.2.50:42113" },
      },
    };
    const places = [
      "global: { publicIP: 192.168.2.50 }\nsmee: { dhcp: { mode: proxy } }",
      "publicIP: 192.168.2.50\nsmee: { dhcp: { mode: proxy } }",
      "smee: { publicIP: 192.168.2.50 }",
      "publicIP: 192.168.2.50\ndhcp: { mode: proxy }",
    ];
    for (const text of places) expect(fromValues(text)).toMatchObject(expected);
  });

  it("say where HookOS and the Tink server are in parts", () => {
    const text = `
global: { trustedProxies: [10.42.0.0/24] }
smee:
  tinkWorkerImage: quay.io/tinkerbell/tink-worker:v0.10.0
  http:
    additionalKernelArgs: [a=b]
    osieUrl: { scheme: https, host: files.example, port: "", path: /tinkerbell/hook }
    tinkServer: { ip: 192.168.2.7, port: "42114", insecureTLS: true }
  iso: { enabled: true, url: "https://files.example/hook.iso", staticIPAMEnabled: true }
`;
    expect(fromValues(text)).toMatchObject({
      boot: {
        kernelArgs: ["a=b", "tink_worker_image=quay.io/tinkerbell/tink-worker:v0.10.0"],
        hook: {
          url: "https://files.example/tinkerbell/hook",
          tinkServer: "192.168.2.7:42114",
          insecureTls: true,
        },
      },
      http: { trustedProxies: [{ network: "10.42.0.0", prefixLength: 24 }] },
      iso: { source: "https://files.example/hook.iso", staticAddresses: true },
    });
  });
});
