import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { mayImport, mayTouchTheWorld } from "./support/room-rules.ts";
import { folderOf, importsAtRunTime, isWithin, moduleState, targetsOf } from "./support/rooms.ts";

/*
 * The rules of docs/design/architecture.md, "Who may import whom" and "Who touches the world", as data.
 * A room is a folder of src/ (or a file in src/ itself); a rule for a folder holds for the rooms in it that
 * have none of their own. An exception is one import of one file, with the reason.
 */

interface Exception {
  readonly file: string;
  readonly what: string;
  readonly why: string;
}

const importExceptions: readonly Exception[] = [];

/** Single files of other rooms that may, too. */
const worldExceptions: readonly Omit<Exception, "what">[] = [
  { file: "config/load.ts", why: "the configuration is a file, read before anything else exists" },
  { file: "lib/atomic-file.ts", why: "the one way to replace a file whole, for every room" },
  {
    file: "lib/disk/confined-file.ts",
    why: "the one way to open a file that must not leave its folder",
  },
  { file: "pxe-client/rogue-server-search.ts", why: "listens for a while and asks once more" },
  { file: "demo/static-reply.ts", why: "a part of that stand-in" },
  { file: "demo/orchestrator.ts", why: "the orchestrator's stand-in is a server" },
];

/** Who reads `process`: only the bin, which hands on what others need. */
const processReaders: readonly string[] = ["cli.ts"];

const worldly =
  /^node:(dgram|fs|fs\/promises|net|http|https|tls|timers|timers\/promises|child_process|worker_threads)$/;

const sources = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((name) => /\.[jt]sx?$/.test(name))
  .map((name) => ({ name, text: readFileSync(join("src", name), "utf8") }));

/** The nearest room above a file that has a rule of its own. */
function roomOf(name: string): string | null {
  for (let room = folderOf(name); room !== "."; room = dirname(room)) {
    if (room in mayImport) return room;
  }
  return null;
}

/** What a file imports of ours that its room may not. */
function wrongImports(name: string, text: string): string[] {
  const room = roomOf(name);
  const allowed = room === null ? [] : [room, ...(mayImport[room] ?? [])];
  return targetsOf(name, text)
    .filter((target) => !allowed.some((other) => isWithin(target, other)))
    .filter(
      (target) => !importExceptions.some(({ file, what }) => file === name && what === target),
    );
}

/** How a file touches sockets, files and timers although its room may not. */
function worldTouched(name: string, text: string): string[] {
  if (mayTouchTheWorld.some((room) => isWithin(name, room))) return [];
  if (worldExceptions.some(({ file }) => file === name)) return [];
  const modules = importsAtRunTime(text).filter((target) => worldly.test(target));
  const timers = text.match(/\b(setTimeout|setInterval|setImmediate)\(/g) ?? [];
  return [...modules, ...timers];
}

/** Where a file reads `process` although only the bin may. */
function processRead(name: string, text: string): string[] {
  if (processReaders.includes(name)) return [];
  const code = text.replaceAll(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "");
  return code.match(/(?<![\w."'`/-])process\??\.\w+/g) ?? [];
}

/** Files that may keep state at top level. */
const stateExceptions: readonly Omit<Exception, "what">[] = [
  { file: "artifacts/store/hash-thread.js", why: "the program of a thread that hashes one file" },
];

describe("the rooms of src", () => {
  it("are all named in the rules, and every rule names rooms that exist", () => {
    expect(sources.map(({ name }) => name).filter((name) => roomOf(name) === null)).toEqual([]);
    const named = [...Object.keys(mayImport), ...Object.values(mayImport).flat()];
    const places = [...new Set([...named, ...mayTouchTheWorld, ...processReaders])];
    expect(places.filter((place) => !existsSync(join("src", place)))).toEqual([]);
  });

  it("have no exception that nobody needs", () => {
    const needless = importExceptions.filter(({ file, what }) => {
      const source = sources.find(({ name }) => name === file);
      return source === undefined || !targetsOf(file, source.text).includes(what);
    });
    expect(needless).toEqual([]);
    expect(worldExceptions.filter(({ file }) => !existsSync(join("src", file)))).toEqual([]);
  });

  it("hold at most 15 files each, but for the verbs and the routes", () => {
    const folders = sources.map(({ name }) => dirname(name));
    const wide = [...new Set(folders)]
      .filter((folder) => folder !== "commands" && !/^http\/.*\/routes$/.test(folder))
      .filter((folder) => folders.filter((other) => other === folder).length > 15);
    expect(wide).toEqual([]);
  });

  it("have no file over 300 lines, but for the texts of a language", () => {
    const long = sources.flatMap(({ name, text }) => (text.split("\n").length > 301 ? name : []));
    expect(long).toEqual(["dashboard/words.ts"]);
  });

  it.each(sources)("$name imports only what its room may", ({ name, text }) => {
    expect(wrongImports(name, text)).toEqual([]);
  });

  it.each(sources)(
    "$name touches sockets, files and timers only where its room may",
    ({ name, text }) => {
      expect(worldTouched(name, text)).toEqual([]);
    },
  );

  it.each(sources)("$name does not read process", ({ name, text }) => {
    expect(processRead(name, text)).toEqual([]);
  });

  it.each(sources)("$name keeps no mutable state at top level", ({ name, text }) => {
    const allowed = stateExceptions.some(({ file }) => file === name);
    expect(moduleState(text).length > 0).toBe(allowed);
  });

  it.each(sources)("$name has no default export and no switched-off check", ({ text }) => {
    expect(text).not.toMatch(/^export default\b/m);
    expect(text).not.toMatch(
      /@ts-ignore|@ts-expect-error|oxlint-disable|eslint-disable|\bas any\b/,
    );
  });
});

describe("the page in the browser", () => {
  const page = sources.filter(({ name }) => isWithin(name, "dashboard"));

  it.each(page)("$name takes nothing but types from the program", ({ name, text }) => {
    const outside = targetsOf(name, text.replaceAll(/^import type [^;]*;$/gm, "")).filter(
      (target) => !isWithin(target, "dashboard"),
    );
    expect(outside).toEqual([]);
  });
});

describe("the rules themselves", () => {
  it("see a socket that is opened in a pure room", () => {
    const text = 'import { createSocket } from "node:dgram";\n';
    expect(worldTouched("dhcp/handlers/full.ts", text)).toEqual(["node:dgram"]);
    expect(worldTouched("dhcp/handlers/full.ts", "setTimeout(act, 5);")).toEqual(["setTimeout("]);
    expect(worldTouched("dhcp/server/dhcp-server.ts", text)).toEqual([]);
  });

  it("see a room that looks up to the one above it", () => {
    const text = 'import { serve } from "../../commands/serve.ts";\n';
    expect(wrongImports("dhcp/handlers/full.ts", text)).toEqual(["commands/serve.ts"]);
    expect(wrongImports("daemon/links/link-plan.ts", text)).toEqual(["commands/serve.ts"]);
    const sideways = 'import { DhcpServer } from "../server/dhcp-server.ts";\n';
    expect(wrongImports("dhcp/handlers/full.ts", sideways)).toEqual(["dhcp/server/dhcp-server.ts"]);
  });

  it("see process read outside of the bin", () => {
    expect(processRead("net/dgram.ts", "process.resourceUsage()")).toEqual([
      "process.resourceUsage",
    ]);
    expect(processRead("net/dgram.ts", "// process.env is not read\n")).toEqual([]);
  });
});

describe("the rule on state", () => {
  it("sees variables, collections and objects at top level, and only there", () => {
    expect(moduleState("let count = 0;\n")).toEqual(["let count"]);
    expect(moduleState("export const poll = new BusyPoll({});\n")).not.toEqual([]);
    expect(moduleState("const seen: Map<Mac, number> = new Map();\n")).not.toEqual([]);
    expect(moduleState("const seen: string[] = [];\n")).not.toEqual([]);
    expect(moduleState("const known: ReadonlySet<number> = new Set([1]);\n")).toEqual([]);
    expect(moduleState("function f() {\n  let count = 0;\n}\n")).toEqual([]);
  });
});

describe("the tests", () => {
  const tests = readdirSync("test", { recursive: true, encoding: "utf8" }).filter((name) =>
    name.endsWith(".test.ts"),
  );

  it("stand in the rooms of src", () => {
    const programs = ["ha", "interop", "kubernetes", "qemu", "faults", "fuzz"];
    const own = [...programs, "bench", "container", "fixtures", "support"];
    const lost = tests
      .map((name) => dirname(name))
      .filter((folder) => folder !== "." && !own.includes(folder.split("/")[0] ?? ""))
      .filter((folder) => !existsSync(join("src", folder)));
    expect(lost).toEqual([]);
  });

  it("have no file over 400 lines", () => {
    const long = tests.filter(
      (name) => readFileSync(join("test", name), "utf8").split("\n").length > 401,
    );
    expect(long).toEqual([]);
  });
});
