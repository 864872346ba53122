import { readFileSync } from "node:fs";
import { parseIdentity } from "../../../src/boot/identity/identity.ts";
import { matchesWildcard } from "../../../src/boot/identity/wildcard.ts";
import { commandsOf } from "../../../src/boot/script/ipxe-syntax.ts";
import { rewriteOrchestratorScript } from "../../../src/boot/script/orchestrator-script.ts";
import { fillTemplate } from "../../../src/boot/script/template.ts";
import { parseConfig } from "../../../src/config/load.ts";
import { readForwarded } from "../../../src/http/boot/forwarded.ts";
import { fromText } from "../../../src/lib/bytes.ts";
import { ConfigError, SyncError } from "../../../src/lib/errors.ts";
import { parseNodes } from "../../../src/nodes/nodes-file.ts";
import { parseOrchestratorCsv } from "../../../src/nodes/orchestrator-csv.ts";
import { parseHardware } from "../../../src/nodes/tinkerbell.ts";
import { parseSyslog } from "../../../src/syslog/message.ts";
import { screenCode } from "../../../src/timeline/codes/screen-code.ts";
import { TimelineReader } from "../../../src/timeline/boot-record.ts";
import { orchestratorScript } from "../../support/boot-port.ts";
import { mayThrow, must, type Target } from "../target.ts";

const decoder = new TextDecoder();
const file = (path: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../../../${path}`, import.meta.url)));

/** A target that takes text, and throws nothing but these kinds of errors. */
function text(
  of: Omit<Target, "open">,
  kinds: readonly (new (...given: never[]) => Error)[],
  ...reads: readonly ((text: string) => unknown)[]
): Target {
  return {
    ...of,
    open: () => ({
      run: (bytes) => {
        const input = decoder.decode(bytes);
        for (const read of reads) mayThrow(kinds, () => void read(input));
      },
    }),
  };
}

const urls = {
  downloadUrl: "http://192.168.77.1:8080/artifacts",
  eventsUrl: "http://192.168.77.1:8080/events",
};

const scripts = text(
  {
    name: "ipxe-scripts",
    what: "the orchestrator's script rewritten, templates, and iPXE's syntax",
    seeds: () => [fromText(orchestratorScript), file("test/fixtures/orchestrator/boot.ipxe")],
    words: [
      "#!ipxe\n",
      "boot",
      "shell",
      "imgargs ",
      "kernel ",
      "set download-url ",
      " || ",
      " && ",
      "${",
      "}",
      "\\\n",
    ],
    mostBytes: 6000,
  },
  [SyncError],
  (script) => commandsOf(script),
  (script) => {
    const how = {
      ...urls,
      kernelArgs: ["console=ttyS0"],
      timings: [{ name: "script", unixSeconds: 1 }],
    };
    const rewritten = rewriteOrchestratorScript(script, how);
    must(rewritten.startsWith("#!ipxe"), "a script begins as one");
    must(rewritten.length < 8 * script.length + 8000, "it does not grow without bound");
  },
  (script) =>
    fillTemplate(script, {
      ...urls,
      kernelArgs: [],
      baseUrl: "http://192.168.77.1",
      generation: "g1",
    }),
);

const configuration = text(
  {
    name: "configuration",
    what: "the configuration file, and its faults by line and column",
    seeds: () => [
      fromText(
        "dataDir: data\ninterfaces:\n  - { name: eth1, dhcp: { mode: full, pools: [10.0.0.1-10.0.0.9] } }\n",
      ),
      fromText(
        "artifacts: { origin: https://o/x, ca: { file: ca.pem } }\nboot: { loaders: { 7: a.efi } }\n",
      ),
      fromText(
        "notify:\n  webhooks:\n    - { url: https://h/x, events: [micro-os] }\ntftp: { dataPorts: 40000-40999 }\n",
      ),
    ],
    words: [
      "interfaces:",
      "dhcp:",
      "mode: ",
      "options: [{code: ",
      "hex: ",
      "&a",
      "*a",
      "<<: ",
      "? ",
      "- ",
      "!!binary ",
      "1e999",
      "%",
    ],
    mostBytes: 1200,
  },
  [ConfigError],
  (yaml) => parseConfig(yaml, "/etc/eim-pxe/config.yaml"),
);

const nodes = text(
  {
    name: "nodes-files",
    what: "the machines in a nodes file, in the orchestrator's CSV and in Tinkerbell's objects",
    seeds: () => [
      fromText(
        "- { mac: 08:00:27:29:4e:67, name: a, address: 192.168.2.153, netboot: once }\n- { serial: SN1 }\n",
      ),
      fromText(
        "Serial,UUID,OSProfile,Site,Secure,RemoteUser,Metadata,Error - do not fill\nSN1,,,,,,,\n",
      ),
      fromText(
        "apiVersion: tinkerbell.org/v1alpha1\nkind: Hardware\nmetadata: { name: a }\nspec:\n  interfaces:\n    - dhcp: { mac: 08:00:27:29:4e:67, ip: { address: 10.0.0.5 } }\n      netboot: { allowPXE: true }\n",
      ),
    ],
    words: [
      "mac: ",
      "uuid: ",
      "serial: ",
      "*",
      "netboot: once",
      "kind: Hardware",
      "---\n",
      '""',
      "\r\n",
      "options: [{code: ",
    ],
    mostBytes: 1200,
  },
  [ConfigError],
  (input) => parseNodes(input, "nodes.yaml"),
  (input) => parseOrchestratorCsv(input, "nodes.csv"),
  (input) => parseHardware(input, "hardware.yaml"),
);

const syslog: Target = {
  name: "syslog",
  what: "a line of a machine's log, of RFC 3164 or 5424",
  seeds: () => [
    fromText("<27>Mar  6 10:00:00 node1 kernel: a line"),
    fromText('<165>1 2026-03-06T10:00:00.003Z node1 ipxe 8710 - [a@1 b="c\\]"] a line'),
    fromText("<6>ipxe: http://192.168.77.1/boot.ipxe... ok"),
  ],
  words: ["<", ">", "<191>", "1 ", "- ", "[", "]", '="', "\u00ef\u00bb\u00bf", "ipxe: "],
  open: () => ({ run: (bytes) => void parseSyslog(bytes) }),
};

const names = text(
  {
    name: "names-and-headers",
    what: "identities, wildcards, codes on a screen, and what proxies say of a request",
    seeds: () => [
      fromText("52:54:00:*"),
      fromText('for=192.0.2.60;proto=http;by=203.0.113.43, for="198.51.100.17:4711"'),
      fromText("PXE-E18"),
      fromText("http://ipxe.org/040ee119"),
    ],
    words: ["*", "?", "for=", "proto=https", "host=", "PXE-", ",", ";", '"'],
    mostBytes: 600,
  },
  [],
  (input) => (["mac", "uuid", "serial"] as const).map((kind) => parseIdentity(kind, input)),
  (input) => matchesWildcard(input.slice(0, 64), input.slice(64)),
  (input) => screenCode(input, 7),
  (input) =>
    readForwarded({ forwarded: input, "x-forwarded-for": input }, "10.0.0.1", [
      { network: "10.0.0.0", prefixLength: 8 },
    ]),
);

const timelines = text(
  {
    name: "timelines",
    what: "the file of timelines after a power loss, or after somebody edited it",
    seeds: () => [
      fromText(
        '{"n":1,"boot":{"id":"a","number":1,"steps":[{"stage":"discover"}]}}\n{"n":1,"event":{"event":"discover"}}\n',
      ),
    ],
    words: [
      '{"n":',
      ',"boot":{',
      ',"event":{',
      "}}\n",
      '"steps":[',
      '"stage":"',
      '"atMs":',
      "1e999",
    ],
  },
  [],
  (input) => {
    const reader = new TimelineReader();
    for (const line of input.split("\n")) reader.add(line);
    reader.boots(100, { nowMs: 1, wallMs: 1_800_000_000_000 });
  },
);

export const textTargets: readonly Target[] = [
  scripts,
  configuration,
  nodes,
  syslog,
  names,
  timelines,
];
