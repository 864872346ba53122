import { execFileSync } from "node:child_process";
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { AssetMachine } from "../../../src/assets/asset-name.ts";
import { AssetFolder, unreadable } from "../../../src/assets/store/asset-folder.ts";
import { listAssets } from "../../../src/assets/store/asset-list.ts";
import { toText } from "../../../src/lib/bytes.ts";

const nobody: AssetMachine = { mac: null, uuid: null, serial: null };
const machine = {
  mac: "08:00:27:29:4e:67",
  uuid: "4c4c4544-0042-4310-8036-c2c04f4d4d32",
  serial: "b66c4c16",
};
const isRoot = process.getuid?.() === 0;

let outside: string;
let directory: string;
let folder: AssetFolder;

beforeEach(() => {
  outside = mkdtempSync(join(tmpdir(), "eim-pxe-assets-"));
  directory = join(outside, "assets");
  mkdirSync(join(directory, "sub/deeper"), { recursive: true });
  writeFileSync(join(outside, "secret"), "secret");
  writeFileSync(join(directory, "plain"), "plain");
  writeFileSync(join(directory, "sub/deeper/file"), "deep");
  folder = new AssetFolder(directory);
});

afterEach(() => {
  rmSync(outside, { recursive: true, force: true });
});

function put(name: string, text: string): void {
  mkdirSync(join(directory, name, ".."), { recursive: true });
  writeFileSync(join(directory, name), text);
}

/** The text of the file, or why it is not served; null: there is none. */
async function read(name: string, who = nobody): Promise<string | null> {
  const found = await folder.find(name, who);
  if (found === null) return null;
  if (found.kind === "unserved") return `(${found.why})`;
  const blob = await folder.open(found);
  if (blob === null) return null;
  const bytes = await blob.read(0, 1000);
  await blob.close();
  return toText(bytes);
}

describe("the asset folder", () => {
  it("has files by their names, in sub-folders, too", async () => {
    expect(await read("plain")).toBe("plain");
    expect(await read("/sub//deeper/./file")).toBe("deep");
    expect(await read("sub")).toBeNull();
    expect(await read("sub/")).toBeNull();
    expect(await read("plain/x")).toBeNull();
    expect(await read("absent")).toBeNull();
    put("empty", "");
    expect(await read("empty")).toBe("");
  });

  it.each([
    "with blank",
    "ä ü 漢",
    ".hidden",
    "%2e%2e",
    "a\\b",
    "-rf",
    "x".repeat(255),
    "a:b?c*[d]",
  ])("has files of hard names: %j", async (name) => {
    put(name, name);
    expect(await folder.find(name, nobody)).toMatchObject({ kind: "file", name });
  });

  it.each([
    "../secret",
    "sub/../../secret",
    "/../secret",
    "..",
    "sub/..",
    "plain/../../secret",
    "x".repeat(256),
    `${"a/".repeat(1500)}b`,
  ])("is not left by %j", async (name) => {
    expect(await read(name)).toBeNull();
  });

  it("serves what links within it lead to, and says why it does not serve others", async () => {
    symlinkSync("sub/deeper/file", join(directory, "within"));
    symlinkSync("sub", join(directory, "folder"));
    symlinkSync("../secret", join(directory, "out"));
    symlinkSync(outside, join(directory, "outer"));
    symlinkSync("loop", join(directory, "loop"));
    symlinkSync("nothing", join(directory, "dangling"));
    expect(await read("within")).toBe("deep");
    expect(await read("folder/deeper/file")).toBe("deep");
    expect(await read("out")).toBe("(it is a symbolic link out of assets.directory)");
    expect(await read("outer/secret")).toBe("(it is a symbolic link out of assets.directory)");
    expect(await read("outer/assets/plain")).toBe("plain");
    expect(await read("loop")).toBe("(it is a symbolic link that leads to itself)");
    expect(await read("dangling")).toBeNull();
  });

  it("may be a symbolic link itself", async () => {
    symlinkSync("assets", join(outside, "link"));
    folder = new AssetFolder(join(outside, "link"));
    expect(await read("plain")).toBe("plain");
    expect(await read("../secret")).toBeNull();
  });

  it("never waits for a FIFO, and opens no device and no socket", async () => {
    execFileSync("mkfifo", [join(directory, "fifo")]);
    const server: Server = createServer();
    await new Promise<void>((resolve) => server.listen(join(directory, "socket"), resolve));
    const none = "(it is no regular file)";
    expect(await read("fifo")).toBe(none);
    expect(await read("socket")).toBe(none);
    symlinkSync("/dev/zero", join(directory, "zero"));
    expect(await read("zero")).toContain("out of assets.directory");
    await new Promise((resolve) => server.close(resolve));
  });

  it.skipIf(!isRoot)("hands out no device", async () => {
    execFileSync("mknod", [join(directory, "null"), "c", "1", "3"]);
    expect(await read("null")).toBe("(it is no regular file)");
  });

  it("opens nothing that took the place of what was found", async () => {
    const found = await folder.find("sub/deeper/file", nobody);
    if (found?.kind !== "file") throw new Error("not found");
    // A link in the place of a folder on the way, that of the file, a FIFO, and nothing.
    renameSync(join(directory, "sub"), join(directory, "was"));
    mkdirSync(join(outside, "sub/deeper"), { recursive: true });
    writeFileSync(join(outside, "sub/deeper/file"), "secret");
    symlinkSync(join(outside, "sub"), join(directory, "sub"));
    expect(await folder.open(found)).toBeNull();
    rmSync(join(directory, "sub"));
    mkdirSync(join(directory, "sub/deeper"), { recursive: true });
    symlinkSync(join(outside, "secret"), join(directory, "sub/deeper/file"));
    expect(await folder.open(found)).toBeNull();
    rmSync(join(directory, "sub/deeper/file"));
    execFileSync("mkfifo", [join(directory, "sub/deeper/file")]);
    expect(await folder.open(found)).toBeNull();
    rmSync(join(directory, "sub/deeper/file"));
    expect(await folder.open(found)).toBeNull();
  });

  it("has a machine's own files before those of all", async () => {
    put("boot.cfg", "all");
    expect(await read("boot.cfg", machine)).toBe("all");
    put(`${machine.serial}/boot.cfg`, "serial");
    expect(await read("boot.cfg", machine)).toBe("serial");
    put(`${machine.uuid.toUpperCase()}/boot.cfg`, "uuid");
    expect(await read("boot.cfg", machine)).toBe("uuid");
    put("0800.2729.4e67/boot.cfg", "mac");
    expect(await read("boot.cfg", machine)).toBe("mac");
    expect(await read("boot.cfg")).toBe("all");
    expect(await read("plain", machine)).toBe("plain");
  });

  it.each(["08:00:27:29:4e:67", "08-00-27-29-4E-67", "0800.2729.4E67", "080027294e67"])(
    "understands %s as the beginning of a name, whatever the folder is called",
    async (form) => {
      put("08-00-27-29-4e-67/own", "own");
      expect(await read(`${form}/own`)).toBe("own");
      expect(await read(`${form}/plain`)).toBe("plain");
      expect(await read(`${form}/absent`)).toBeNull();
    },
  );

  it.each(["EACCES", "EPERM"])("says that a file may not be read (%s)", (code) => {
    const thrown = Object.assign(new Error("refused"), { code });
    expect(unreadable("sub/file", thrown)).toMatchObject({
      kind: "unserved",
      why: expect.stringContaining("this user may not read it"),
    });
    expect(unreadable("sub/file", Object.assign(thrown, { code: "ENOENT" }))).toBeNull();
  });
});

describe("the list of assets", () => {
  it("has the first files by name, and says what is not handed out", async () => {
    for (const name of ["c", "a", "b"]) put(name, name);
    symlinkSync("a", join(directory, "d"));
    symlinkSync("../secret", join(directory, "out"));
    execFileSync("mkfifo", [join(directory, "fifo")]);
    const found = await listAssets(directory, 3);
    expect(found).toMatchObject({ directory, files: 6, more: false, problem: null });
    expect(found.listed.map(({ path, size }) => `${path} ${size}`)).toEqual(["a 1", "b 1", "c 1"]);
    expect(found.passedOver.map(({ path }) => path).toSorted()).toEqual(["fifo", "out"]);
  });

  it("says why there is none", async () => {
    expect((await listAssets(join(outside, "none"), 3)).problem).toContain("no such folder");
    expect((await listAssets(join(outside, "secret"), 3)).problem).toContain("it is a file");
  });

  it("of 100,000 files keeps no more than it shows, and each is found all the same", async () => {
    const memory = "/dev/shm";
    const many = mkdtempSync(join(existsSync(memory) ? memory : tmpdir(), "eim-pxe-many-"));
    folder = new AssetFolder(many);
    try {
      for (let sub = 0; sub < 10; sub++) {
        const into = join(many, `many-${sub}`);
        mkdirSync(into);
        writeFileSync(join(into, "f0"), "");
        for (let file = 1; file < 10_000; file++)
          linkSync(join(into, "f0"), join(into, `f${file}`));
      }
      const before = process.memoryUsage().heapUsed;
      const found = await listAssets(many, 100);
      expect(process.memoryUsage().heapUsed - before).toBeLessThan(100 * 1024 * 1024);
      expect(found.files).toBe(100_000);
      expect(found.listed).toHaveLength(100);
      expect(found.listed[0]?.path).toBe("many-0/f0");
      expect(await read("many-9/f9999")).toBe("");
    } finally {
      rmSync(many, { recursive: true });
    }
  });
});
