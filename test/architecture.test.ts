import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { describe, expect, it } from "vitest";

/** The rules of docs/design/architecture.md, "Who may import whom", as data. Keys and values are rooms or files of src/. */
const protocols = ["boot", "lib", "observe/events", "net/udp"];
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "cli.ts": ["command-line", "commands", "lib"],
  "command-line.ts": ["commands"],
  commands: [
    "commands",
    "demo",
    "client",
    "dhcp",
    "tftp",
    "http",
    "artifacts",
    "nodes",
    "net",
    "observe",
    "config",
    "boot",
    "lib",
  ],
  client: ["client", "dhcp", "tftp", "boot", "lib", "net/udp"],
  demo: ["demo", "boot", "lib"],
  dhcp: ["dhcp", ...protocols],
  tftp: ["tftp", ...protocols],
  http: ["http", ...protocols],
  artifacts: ["artifacts", ...protocols],
  nodes: ["nodes", "config/yaml", "config/values", ...protocols],
  net: ["net", "lib"],
  observe: ["observe", "boot", "lib"],
  config: ["config", "lib", "boot"],
  boot: ["boot", "lib"],
  lib: ["lib"],
};

/** The only files of the protocol rooms that may touch sockets, files or timers. */
const mayTouchTheWorld = [
  "server",
  "journal",
  "mirror",
  "generation",
  "origin",
  "loaders",
  "store",
  "disk",
  "incoming",
  "connect",
  "body",
  "trust",
  "exchange",
  "reverify",
  "sink",
  "pinned-loaders",
];
const worldly =
  /^node:(dgram|fs|fs\/promises|net|http|https|tls|timers|timers\/promises|child_process|worker_threads)$/;

const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => ({ name, text: readFileSync(join("src", name), "utf8") }));

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:from|import\()\s*"([^"]+)"/g)].map((match) => match[1] ?? "");
}

function roomOf(name: string): string {
  const [first = "", ...rest] = name.split("/");
  return rest.length === 0 ? name : first;
}

describe("the rooms of src", () => {
  it("are all named in the rules", () => {
    const rooms = new Set(sources.map(({ name }) => roomOf(name)));
    expect([...rooms].filter((room) => !(room in mayImport))).toEqual([]);
  });

  it.each(sources)("$name imports only what its room may", ({ name, text }) => {
    const allowed = mayImport[roomOf(name)] ?? [];
    const wrong = importsOf(text)
      .filter((target) => target.startsWith("."))
      .map((target) => relative("src", normalize(join("src", dirname(name), target))))
      .filter(
        (target) =>
          !allowed.some((room) => target.startsWith(`${room}/`) || target === `${room}.ts`),
      );
    expect(wrong).toEqual([]);
  });

  it.each(
    sources.filter(({ name }) =>
      ["dhcp", "tftp", "http", "artifacts", "nodes", "boot", "lib"].includes(roomOf(name)),
    ),
  )("$name touches sockets, files and timers only where the rules say so", ({ name, text }) => {
    const file = name.replace(/^.*\//, "").replace(/\.ts$/, "");
    if (mayTouchTheWorld.includes(file)) return;
    expect(importsOf(text).filter((target) => worldly.test(target))).toEqual([]);
    expect(text).not.toMatch(/\b(setTimeout|setInterval|setImmediate)\(/);
  });

  it.each(sources.filter(({ name }) => name !== "cli.ts"))(
    "$name does not read process",
    ({ text }) => {
      expect(text).not.toMatch(/\bprocess\.(argv|env|exit|exitCode|stdout|stderr|stdin|on|once)\b/);
    },
  );

  it.each(sources)("$name has no default export and no switched-off check", ({ text }) => {
    expect(text).not.toMatch(/^export default\b/m);
    expect(text).not.toMatch(
      /@ts-ignore|@ts-expect-error|oxlint-disable|eslint-disable|\bas any\b/,
    );
  });
});
