import { describe, expect, it } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { ConfigError } from "../../src/lib/errors.ts";
import { parseNodes } from "../../src/nodes/nodes-file.ts";

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
    return [];
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
}

const config = (text: string) => problemsOf(() => parseConfig(text, "c.yaml"));

describe("field fault 64: the commonest mistakes in a configuration", () => {
  it.each([
    ["artifacts: { ca: ca.pem }", "must hold keys of its own, such as ca: { file: "],
    ["interfaces:\n  name: eth1", "must be a list (each entry begins with a dash)"],
    ["boot: { kernelArgs: quiet }", "must be a list (write [quiet])"],
    [
      "interfaces: [{ name: eth1, dhcp: { leaseSeconds: 1h } }]",
      "must be a number of seconds: write 3600 for 1h",
    ],
    ["artifacts: { maxBytesPerSecond: 10M }", "must be a number of bytes: write 10485760 for 10M"],
    ['http: { port: "8080" }', "http.port: must be a number: write 8080 without quotes"],
    [
      "http: { port: 8443, tls: { certFile: a, keyFile: b } }",
      "http.tls.port: 8443 is http.port already",
    ],
    ["http: { tls: { certFile: a } }", "http.tls.keyFile"],
    ["http: { tls: { certFile: a, keyFile: b, offer: [everyone] } }", "http.tls.offer"],
    [
      "{ dhcp: { compatibility: smee }, http: { tls: { certFile: a, keyFile: b, offer: [ipxe] } } }",
      "http.tls.offer: has no effect with dhcp.compatibility smee",
    ],
    ["http: { queue: 0 }", "http.queue: must be at least 1"],
    ["http: { port: 80.5 }", "http.port: must be a whole number"],
    ["tftp: { maxBlockSize: 100000 }", "tftp.maxBlockSize: must be at most 65464"],
    ["tftp: { singlePort: yes }", "must be true or false, without quotes"],
    ["admin: { listen: 8081 }", "must be text; put it in quotes"],
    ["nodes: { unknown: refuse }", "must be allow or deny"],
    ["interfaces: [{ name: eth1, dhcp: { mode: prxy } }]", "did you mean proxy?"],
    ["log: debug", "must hold keys of its own, such as log: { level: info }"],
    ["interfaces: [{ dhcp: {} }]", "interfaces[0].name: is missing, such as name: eth1"],
  ])("%s", (text, words) => {
    const problems = config(text);
    expect(problems).toEqual([expect.stringContaining(words)]);
    expect(problems[0]).toMatch(/^c\.yaml:\d+:\d+: [\w.[\]]+: /);
    expect(problems[0]).not.toMatch(/expected|received|Invalid/);
  });

  it("suggests the key that was meant, and looks below it all the same", () => {
    const text =
      "interface:\n  - name: eth1\n    dhcp: { mod: full, leaseSeconds: 1h }\nhttps: {}\n";
    expect(config(text)).toEqual([
      'c.yaml:1:1: unknown key "interface"; did you mean "interfaces"?',
      'c.yaml:3:13: interface[0].dhcp: unknown key "mod"; did you mean "mode"?',
      "c.yaml:3:38: interface[0].dhcp.leaseSeconds: must be a number of seconds: write 3600 for 1h",
      'c.yaml:4:1: unknown key "https"; did you mean "http"?',
    ]);
  });

  it("finds what does not hold between keys beside a misspelt one", () => {
    expect(config("dataDirectory: /x\nadmin: { listen: 0.0.0.0:8081 }\n")).toEqual([
      expect.stringContaining('unknown key "dataDirectory"'),
      expect.stringContaining("needs a token"),
    ]);
  });

  it("names no key for one that resembles none", () => {
    expect(config("kubernetes: {}\n")).toEqual(['c.yaml:1:1: unknown key "kubernetes"']);
  });

  it("has them in the order of the file", () => {
    const text = "log: { level: loud }\nhttp: { port: x }\ntftp: { port: y }\ninterfaces: {}\n";
    const lines = config(text).map((problem) => Number(problem.split(":")[1]));
    expect(lines).toEqual([1, 2, 3, 4]);
  });

  it("says of a file that is not YAML at most ten things", () => {
    const problems = config("a: [\n".repeat(100));
    expect(problems.length).toBeLessThanOrEqual(11);
    expect(problems[0]).toContain("this is not YAML");
    expect(problems.at(-1)).toMatch(/and \d+ more; mend the first one/);
  });

  it("says in words that the file is a folder, or not there", () => {
    expect(problemsOf(() => parseNodes("- mac: 1\n  nam: x\n", "n.yaml"))).toEqual([
      expect.stringContaining("[0].mac: must be text; put it in quotes"),
      expect.stringContaining('unknown key "nam"; did you mean "name"?'),
    ]);
  });
});
