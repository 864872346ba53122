import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { mirroredFiles } from "../../src/config/schema.ts";
import { ConfigError } from "../../src/lib/errors.ts";

function problemsOf(text: string, environment: Record<string, string> = {}): readonly string[] {
  try {
    parseConfig(text, "/etc/eim-pxe.yaml", environment);
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

/** Ten levels of lists, each with ten references to the level below. */
function manyReferences(): string {
  const levels = Array.from({ length: 9 }, (_, level) => {
    const references = Array.from({ length: 10 }, () => `*l${level}`).join(", ");
    return `l${level + 1}: &l${level + 1} [${references}]`;
  });
  return ["l0: &l0 x", ...levels, ""].join("\n");
}

describe("parseConfig", () => {
  it("takes the example configuration", () => {
    const config = parseConfig(readFileSync("examples/eim-pxe.yaml", "utf8"), "examples/x.yaml");
    expect(config.interfaces[0]?.name).toBe("eth1");
    expect(config.interfaces[0]?.dhcp.mode).toBe("proxy");
  });

  it("gives every default for an empty file, frozen", () => {
    const config = parseConfig("", null);
    expect(config.tftp.port).toBe(69);
    expect(config.http.port).toBe(8080);
    expect(config.admin.listen).toBe("127.0.0.1:8081");
    expect(config.boot.userClasses).toEqual(["iPXE", "Tinkerbell"]);
    expect(Object.isFrozen(config.boot.userClasses)).toBe(true);
  });

  it("names the line and column of an unknown key", () => {
    expect(problemsOf("http:\n  prot: 80\n")).toEqual([
      '/etc/eim-pxe.yaml:2:3: http: unknown key "prot"; did you mean "port"?',
    ]);
  });

  it("names the line and column of a wrong value, deep in a list", () => {
    const text = "interfaces:\n  - name: eth1\n    dhcp:\n      mode: full\n      router: 1.2.3\n";
    expect(problemsOf(text)).toEqual([
      "/etc/eim-pxe.yaml:5:15: interfaces[0].dhcp.router: must be an IPv4 address such as 192.168.77.1",
    ]);
  });

  it("reports every problem of a file at once", () => {
    expect(problemsOf("http: {port: 99999}\ntftp: {port: x}\n")).toHaveLength(2);
  });

  it("names the line of what is not YAML", () => {
    expect(problemsOf("http:\n  port: [1\n")[0]).toMatch(/^\/etc\/eim-pxe\.yaml:\d+:\d+: /);
    expect(problemsOf("http: 1\nhttp: 2\n")[0]).toMatch(/^\/etc\/eim-pxe\.yaml:2:1: /);
  });

  it("names the place of a reference to nothing", () => {
    expect(problemsOf("tftp:\n  port: *nothing\n")).toEqual([
      "/etc/eim-pxe.yaml:2:9: there is no anchor &nothing before this",
    ]);
  });

  it.each([
    ["!!binary", "!!binary dattinterfaces:ta"],
    ["!!set", "nodes: !!set {a, b}"],
    ["!!omap", "nodes: !!omap [a: 1]"],
    ["!!timestamp", "dataDir: !!timestamp 2001-01-01"],
    ["!vault", "dataDir: !vault x"],
  ])("names the place of the tag %s, which makes no value that JSON has", (tag, text) => {
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(`:1:${text.indexOf("!") + 1}: ${tag} means nothing here: leave it out`),
    ]);
  });

  it.each([
    ["a reference to what it is part of", "http: &a {port: *a}\n"],
    ["references that would fill the memory", manyReferences()],
  ])("refuses %s", (_, text) => {
    expect(problemsOf(text)).toEqual([expect.stringMatching(/^\/etc\/eim-pxe\.yaml:\d+:\d+: /)]);
  });

  it("refuses what is not a map", () => {
    expect(problemsOf("- a\n- b\n")[0]).toMatch(/^\/etc\/eim-pxe\.yaml:1:1: /);
  });

  it("encodes an option from the value whose key names its type", () => {
    const text =
      "interfaces: [{name: eth1, dhcp: {mode: full, options: [{code: 26, u16: 1400}, {code: 43, hex: '01ff'}]}}]";
    expect(parseConfig(text, null).interfaces[0]?.dhcp.options).toEqual([
      { code: 26, value: Uint8Array.of(0x05, 0x78) },
      { code: 43, value: Uint8Array.of(0x01, 0xff) },
    ]);
  });

  it("says which value of an option is wrong, not that no form fits", () => {
    const text =
      "interfaces: [{name: eth1, dhcp: {mode: full, options: [{code: 26, u16: 70000}]}}]";
    const problems = problemsOf(text);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toMatch(/options\[0\]\.u16: .*65535/);
  });

  it("refuses an option that the server computes itself", () => {
    const text =
      "interfaces: [{name: eth1, dhcp: {mode: full, options: [{code: 54, ip: 1.2.3.4}]}}]";
    expect(problemsOf(text)[0]).toContain("option 54 is computed by the server");
  });

  it("refuses pools outside of the subnet, overlapping pools, and pools in proxy mode", () => {
    const full = (pools: string) =>
      `interfaces: [{name: eth1, dhcp: {mode: full, subnet: 192.168.77.0/24, pools: [${pools}]}}]`;
    expect(problemsOf(full("192.168.78.1-192.168.78.9"))[0]).toContain("is not in the subnet");
    expect(problemsOf(full("192.168.77.1-192.168.77.9, 192.168.77.9-192.168.77.20"))[0]).toContain(
      "overlaps pool 1",
    );
    expect(
      problemsOf("interfaces: [{name: eth1, dhcp: {pools: [192.168.77.1-192.168.77.9]}}]")[0],
    ).toContain("has no effect in mode proxy");
  });

  it("takes a search list and classless routes as options of a link", () => {
    const options =
      "{code: 119, domains: [site.example]}, {code: 121, routes: [{to: 10.0.0.0/8, via: 10.1.1.1}]}";
    const text = `interfaces: [{name: eth1, dhcp: {mode: full, options: [${options}]}}]`;
    expect(parseConfig(text, null).interfaces[0]?.dhcp.options).toEqual([
      { code: 119, value: new TextEncoder().encode("\u0004site\u0007example\u0000") },
      { code: 121, value: Uint8Array.of(8, 10, 10, 1, 1, 1) },
    ]);
    expect(problemsOf(text.replace("site.example", "a..b"))).toHaveLength(1);
  });

  it("takes exclusions as addresses and ranges, and refuses them where there are no pools", () => {
    const link = (text: string) => `interfaces: [{name: eth1, dhcp: {mode: full, ${text}}}]`;
    const pools = "pools: [192.168.77.1-192.168.77.99]";
    const exclude = "exclude: [192.168.77.9, 192.168.77.20-192.168.77.29]";
    expect(
      parseConfig(link(`${pools}, ${exclude}`), "test.yaml").interfaces[0]?.dhcp.exclude,
    ).toEqual([
      { first: "192.168.77.9", last: "192.168.77.9" },
      { first: "192.168.77.20", last: "192.168.77.29" },
    ]);
    expect(problemsOf(link(exclude))[0]).toContain("has no effect without pools");
  });

  it.each([
    [
      "{pools: [10.1.0.9-10.1.0.20]}",
      "relayed[0].subnet: is missing, such as subnet: 192.168.77.0/24",
    ],
    ["{subnet: 192.168.77.128/25}", "relayed[0].subnet: overlaps the subnet 192.168.77.0/24"],
    ["{subnet: 10.1.0.0/16}, {subnet: 10.1.5.0/24}", "relayed[1].subnet: overlaps the subnet 10.1"],
    ["{subnet: 10.1.0.0/16, pools: [10.2.0.1-10.2.0.9]}", "relayed[0].pools[0]: is not in the"],
    ["{subnet: 10.1.0.0/16, mode: full}", 'relayed[0]: unknown key "mode"'],
  ])(
    "refuses networks behind relays that cannot be told apart or served: %s",
    (networks, fault) => {
      const full = `mode: full, subnet: 192.168.77.0/24, relayed: [${networks}]`;
      const problems = problemsOf(`interfaces: [{name: eth1, dhcp: {${full}}}]`);
      expect(problems).toEqual([expect.stringContaining(fault)]);
    },
  );

  it("refuses networks behind relays where nothing is handed out", () => {
    const text = "interfaces: [{name: eth1, dhcp: {relayed: [{subnet: 10.1.0.0/16}]}}]";
    expect(problemsOf(text)).toEqual([expect.stringContaining("relayed: has no effect in mode")]);
  });

  it.each([
    ["files: [boot.ipxe, manifest.json]", ":1:32: artifacts.files[1]: is a name that the mirror"],
    ["files: [boot.ipxe, ../x]", ":1:32: artifacts.files[1]: must be the name of a file"],
    [
      "origin: 'https://user:secret@host/tink-stack'",
      ":1:21: artifacts.origin: must be a URL without",
    ],
    [
      "ca: {url: 'https://user:secret@host/ca.crt'}",
      "artifacts.ca.url: must be a URL without user name and password",
    ],
    [
      `loaderUrls: {x.efi: {url: 'https://user@host/x.efi', sha256: "${"0".repeat(64)}"}}`,
      "artifacts.loaderUrls.x.efi.url: must be a URL without user name and password",
    ],
    ["origin: 'https://host/tink-stack?x=1'", ":1:21: artifacts.origin: must be a URL without"],
    ["origin: host/tink-stack", ":1:21: artifacts.origin: must be an http:// or https:// URL"],
  ])("refuses what the mirror could not use: %s", (text, problem) => {
    expect(problemsOf(`artifacts: {${text}}`)).toEqual([expect.stringContaining(problem)]);
  });

  it("refuses pools with SMEE's compatibility, which knows reservations only", () => {
    const text =
      "dhcp: {compatibility: smee}\ninterfaces: [{name: eth1, dhcp: {mode: full, pools: [192.168.77.1-192.168.77.9]}}]";
    expect(problemsOf(text)[0]).toContain("SMEE knows reservations only");
    expect(problemsOf("dhcp: {compatibility: smee-standalone}")).toEqual([]);
  });

  it("field fault 13: refuses vendor classes that SMEE would not serve", () => {
    const text = "dhcp: { compatibility: smee }\nboot: { vendorClasses: [U-Boot] }";
    expect(problemsOf(text)[0]).toMatch(/vendorClasses.*SMEE serves PXEClient and HTTPClient only/);
    expect(problemsOf("boot: { vendorClasses: [U-Boot] }")).toEqual([]);
  });

  it("takes names and addresses of the admin port, from the environment too, and no port with them", () => {
    const text = "admin: {allowedHosts: [PXE.site.example, 10.96.0.7, 'fd00::1', eim-pxe]}";
    const names = ["pxe.site.example", "10.96.0.7", "fd00::1", "eim-pxe"];
    expect(parseConfig(text, null).admin.allowedHosts).toEqual(names);
    const environment = { EIM_PXE_ADMIN__ALLOWED_HOSTS: "[a.example, b]" };
    expect(parseConfig(text, null, environment).admin.allowedHosts).toEqual(["a.example", "b"]);
    for (const wrong of ["pxe.example:8081", "http://pxe.example", "'*.example'", "''"]) {
      expect(problemsOf(`admin: {allowedHosts: [${wrong}]}`)[0]).toContain("without port");
    }
  });

  it("refuses an admin port that the network can reach without a token", () => {
    expect(problemsOf('admin: {listen: "0.0.0.0:8081"}')[0]).toContain("admin.tokenFile");
    expect(problemsOf('admin: {listen: "0.0.0.0:8081", tokenFile: token}')).toEqual([]);
    expect(problemsOf("admin: {readTokenFile: token}")[0]).toContain("without admin.tokenFile");
  });

  it.each([
    ["nodes: {format: tinkerbell}", "tinkerbell needs nodes.file"],
    ["nodes: {format: orchestrator-csv}", "orchestrator-csv needs nodes.file"],
    ["nodes: {format: kubernetes, file: a}", "is not read with nodes.format kubernetes"],
    ["nodes: {kubernetes: {}}", "is for nodes.format kubernetes"],
  ])("refuses sources of nodes that do not go together: %s", (text, words) => {
    expect(problemsOf(text)).toEqual([expect.stringContaining(words)]);
  });

  it.each([
    ["boot: {path: orchestrator, kernelArgs: [a=1]}", "boot.kernelArgs: has no effect with"],
    ["boot: {path: orchestrator, script: x.ipxe}", "boot.script: has no effect with"],
    [
      "boot: {path: orchestrator}, dhcp: {compatibility: smee}",
      "dhcp.compatibility: must be standard",
    ],
    [
      "boot: {path: orchestrator}, artifacts: {origin: 'https://a/b', files: [keys/db.der]}",
      "artifacts.files: must list signed_ipxe.efi",
    ],
    ["artifacts: {ca: {sha256: '" + "0".repeat(64) + "'}}", "artifacts.ca.sha256: has no effect"],
    ["artifacts: {ca: {file: a, url: 'https://a/b'}}", "has no effect beside artifacts.ca.file"],
  ])("refuses what would have no effect: %s", (text, words) => {
    expect(problemsOf(`{${text}}`)).toEqual([expect.stringContaining(words)]);
  });

  it.each([
    ["assets: {directory: /}", "assets.directory: must not hold dataDir"],
    ["assets: {directory: /var/lib}", "assets.directory: must not hold dataDir"],
    ["assets: {directory: /var/lib/eim-pxe}", "assets.directory: must not hold dataDir"],
    ["assets: {directory: /var/lib/eim-pxe/files}", "assets.directory: must not be in dataDir"],
    ["boot: {loaders: {7: grub/core.efi}}", "there is no assets.directory"],
    ["boot: {loaders: {7: ../x.efi}}, assets: {directory: /srv}", "must be a bare file name"],
    ["assets: {directory: ''}", "assets.directory"],
  ])("refuses an asset folder that cannot be one: %s", (text, words) => {
    expect(problemsOf(`{${text}}`)).toEqual([expect.stringContaining(words)]);
  });

  it("takes the asset folder relative to the file, and loaders that are in it", () => {
    const text = "{assets: {directory: files}, boot: {loaders: {7: grub/core.efi}}}";
    const { assets, boot } = parseConfig(text, "/etc/eim-pxe/a.yaml");
    expect(assets).toEqual({ directory: "/etc/eim-pxe/files", tftp: true, http: true });
    expect(boot.loaders).toEqual({ 7: "grub/core.efi" });
  });

  it("mirrors what the path of the boots needs, and takes one origin or several", () => {
    expect(mirroredFiles(parseConfig("", null))).toEqual([
      "boot.ipxe",
      "vmlinuz-x86_64",
      "initramfs-x86_64",
    ]);
    const orchestrator = parseConfig(
      "boot: {path: orchestrator}\nartifacts: {origin: ['https://a/b', 'http://c/artifacts']}",
      null,
    );
    expect(mirroredFiles(orchestrator)).toEqual(["signed_ipxe.efi"]);
    expect(orchestrator.artifacts.origin).toEqual(["https://a/b", "http://c/artifacts"]);
    const one = parseConfig(
      `artifacts: {origin: 'https://a/b', ca: {url: 'https://a/c', sha256: "${"AB:".repeat(31)}AB"}}`,
      null,
    );
    expect(one.artifacts).toMatchObject({
      origin: ["https://a/b"],
      ca: { sha256: "ab".repeat(32) },
    });
  });

  it("takes every key from the environment, over the file", () => {
    const config = parseConfig("http: {port: 1}\n", null, {
      EIM_PXE_HTTP__PORT: "8000",
      EIM_PXE_DATA_DIR: "/data",
      EIM_PXE_DATADIR_: "/data",
      EIM_PXE_INTERFACES__0__NAME: "eth7",
      EIM_PXE_INTERFACES__0__DHCP__ROUTER: "[10.0.0.1, 10.0.0.2]",
      EIM_PXE_BOOT__LOADERS__7: "snponly.efi",
      EIM_PXE_ARTIFACTS__CA__FILE: "/ca.pem",
      EIM_PXE_ARTIFACTS__ORIGIN__0: "https://a.example/tink-stack",
      EIM_PXE_ARTIFACTS__ORIGIN__1: "https://b.example/tink-stack",
      PATH: "/bin",
    });
    expect(config.http.port).toBe(8000);
    expect(config.dataDir).toBe("/data");
    expect(config.interfaces[0]?.name).toBe("eth7");
    expect(config.interfaces[0]?.dhcp.router).toEqual(["10.0.0.1", "10.0.0.2"]);
    expect(config.boot.loaders).toEqual({ 7: "snponly.efi" });
    expect(config.artifacts.ca.file).toBe("/ca.pem");
    expect(config.artifacts.origin).toEqual([
      "https://a.example/tink-stack",
      "https://b.example/tink-stack",
    ]);
  });

  it("names the variable of a wrong or unknown override", () => {
    expect(problemsOf("", { EIM_PXE_HTTP__PORT: "x" })[0]).toMatch(
      /^environment variable EIM_PXE_HTTP__PORT: http\.port: /,
    );
    expect(problemsOf("", { EIM_PXE_BOOT__LOADERS__7: "../a" })[0]).toMatch(
      /^environment variable EIM_PXE_BOOT__LOADERS__7: boot\.loaders\.7: /,
    );
    expect(problemsOf("", { EIM_PXE_BOOT__LOADERS__x64: "a.efi" })[0]).toMatch(
      /^environment variable EIM_PXE_BOOT__LOADERS__x64: boot\.loaders: /,
    );
    const origin = "artifacts:\n  origin: https://a.example/tink-stack\n";
    expect(problemsOf(origin, { EIM_PXE_ARTIFACTS__ORIGIN__0: "nonsense" })).toEqual([
      "environment variable EIM_PXE_ARTIFACTS__ORIGIN__0: artifacts.origin[0]: must be an http:// or https:// URL",
    ]);
    expect(problemsOf("", { EIM_PXE_HTPP__PORT: "1" })).toEqual([
      "environment variable EIM_PXE_HTPP__PORT: no such key in the configuration",
    ]);
  });

  it("names the line of the file for a key that only begins like the variable's", () => {
    const environment = { EIM_PXE_BOOT__SCRIPT: "mirror" };
    expect(problemsOf("boot:\n  scriptUrl: nonsense\n", environment)).toEqual([
      expect.stringMatching(/^\/etc\/eim-pxe\.yaml:2:\d+: boot\.scriptUrl: /),
    ]);
  });

  it("takes relative paths as relative to the file", () => {
    const config = parseConfig("nodes: {file: nodes.yaml}\ndataDir: data\n", "/etc/pxe/c.yaml");
    expect(config.nodes.file).toBe("/etc/pxe/nodes.yaml");
    expect(config.dataDir).toBe("/etc/pxe/data");
  });
});
