import type * as Files from "node:fs/promises";
import {
  mkdir,
  mkdtemp,
  readFile,
  rm,
  symlink,
  truncate,
  utimes,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Generation, generationAt } from "../../../src/artifacts/store/generation.ts";
import {
  createLoaderStore,
  type LoaderStore,
} from "../../../src/artifacts/loaders/loader-store.ts";
import { toText } from "../../../src/lib/bytes.ts";

vi.mock("node:fs/promises", async (original) => {
  const real = await original<typeof Files>();
  return { ...real, readFile: vi.fn<typeof real.readFile>(real.readFile) };
});

let folder: string;
let current: Generation | null;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "eim-pxe-loaders-"));
  current = null;
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function loaders(directories: readonly string[], alsoAllowed?: (name: string) => boolean) {
  return createLoaderStore({
    directories: directories.map((name) => join(folder, name)),
    store: { current: () => current },
    ...(alsoAllowed === undefined ? {} : { alsoAllowed }),
  });
}

async function write(path: string, text: string): Promise<void> {
  await mkdir(join(folder, path, ".."), { recursive: true });
  await writeFile(join(folder, path), text);
}

async function mirror(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) await write(join("mirror", name), text);
  current = generationAt(join(folder, "mirror"), "000001-20260101T000000Z", {
    version: 1,
    origin: "https://o.example",
    createdAt: "",
    files: Object.entries(files).map(([name, { length }]) => {
      return { name, size: length, sha256: "", etag: null, lastModified: null };
    }),
  });
}

async function content(store: LoaderStore, name: string): Promise<string | null> {
  const loader = await store.find(name);
  return loader === null ? null : toText(await loader.blob.read(0, loader.blob.size));
}

describe("finding a loader", () => {
  it("takes the first folder that has it, and passes over folders that do not exist", async () => {
    await write("one/ipxe.efi", "first");
    await write("two/ipxe.efi", "second");
    await write("two/undionly.kpxe", "bios");
    const store = loaders(["none", "one", "two"]);
    expect(await content(store, "ipxe.efi")).toBe("first");
    expect(await content(store, "undionly.kpxe")).toBe("bios");
    expect(await store.find("snponly.efi")).toBeNull();
    expect((await store.find("ipxe.efi"))?.path).toMatch(/one\/ipxe\.efi$/);
  });

  it("asks the mirror last", async () => {
    await mirror({ "signed_ipxe.efi": "signed", "ipxe.efi": "mirrored" });
    await write("one/ipxe.efi", "local");
    const store = loaders(["one"]);
    expect(await content(store, "signed_ipxe.efi")).toBe("signed");
    expect(await content(store, "ipxe.efi")).toBe("local");
    current = null;
    expect(await store.find("signed_ipxe.efi")).toBeNull();
  });

  it("reads a file once, and again when it has changed", async () => {
    await write("one/ipxe.efi", "old");
    const store = loaders(["one"]);
    const [a, b] = await Promise.all([store.find("ipxe.efi"), store.find("ipxe.efi")]);
    expect(a?.blob).toBe(b?.blob);
    await write("one/ipxe.efi", "newer");
    expect(await content(store, "ipxe.efi")).toBe("newer");
    await write("one/ipxe.efi", "other");
    await utimes(join(folder, "one/ipxe.efi"), 1_000, 2_000);
    expect(await content(store, "ipxe.efi")).toBe("other");
    await rm(join(folder, "one/ipxe.efi"));
    expect(await store.find("ipxe.efi")).toBeNull();
    // What was handed out before stays whole.
    expect(toText((await a?.blob.read(0, 10)) ?? new Uint8Array(0))).toBe("old");
  });

  it.each([
    "../secret.efi",
    "/etc/x.efi",
    "one/ipxe.efi",
    ".hidden.efi",
    "",
    "a\0.efi",
    "..",
    "a\\b.efi",
  ])("knows no name but a bare one: %j", async (name) => {
    await write("secret.efi", "secret");
    await write("one/one/ipxe.efi", "x");
    await write("one/.hidden.efi", "x");
    expect(await loaders(["one"]).find(name)).toBeNull();
  });

  it("tries again to read a file that could not be read", async () => {
    await write("one/ipxe.efi", "first");
    const store = loaders(["one"]);
    vi.mocked(readFile).mockRejectedValueOnce(new Error("too many open files"));
    expect(await content(store, "ipxe.efi")).toBeNull();
    expect(await content(store, "ipxe.efi")).toBe("first");
  });

  it("does not hand out what is no loader, unless the configuration names it", async () => {
    await write("boot/initrd.img-6.1.0", "with keys");
    await write("boot/vmlinuz-6.1.0", "kernel");
    await write("boot/pxelinux.0", "loader");
    expect(await loaders(["boot"]).find("initrd.img-6.1.0")).toBeNull();
    expect(await content(loaders(["boot"]), "pxelinux.0")).toBe("loader");
    const store = loaders(["boot"], (name) => name === "vmlinuz-6.1.0");
    expect(await content(store, "vmlinuz-6.1.0")).toBe("kernel");
    expect(await store.find("initrd.img-6.1.0")).toBeNull();
  });

  it("follows links inside a folder, and a folder that is a link, but nothing that leads out", async () => {
    await write("real/ipxe-amd64.efi", "amd64");
    await write("secret.efi", "secret");
    await symlink("ipxe-amd64.efi", join(folder, "real/ipxe.efi"));
    await symlink("../secret.efi", join(folder, "real/out.efi"));
    await symlink("nowhere", join(folder, "real/broken.efi"));
    await symlink("loop.efi", join(folder, "real/loop.efi"));
    await symlink("real", join(folder, "linked"));
    const store = loaders(["linked"]);
    expect(await content(store, "ipxe.efi")).toBe("amd64");
    const found = ["out.efi", "broken.efi", "loop.efi"].map((name) => store.find(name));
    expect(await Promise.all(found)).toEqual([null, null, null]);
    // Debian 12 has /usr/lib/ipxe/ipxe.efi -> /boot/ipxe.efi: the next folder brings it.
    await write("boot/out.efi", "found");
    expect(await content(loaders(["linked", "boot"]), "out.efi")).toBe("found");
  });

  it("takes neither folders, nor empty files, nor files too large for a loader", async () => {
    await mkdir(join(folder, "one/folder.efi"), { recursive: true });
    await write("one/empty.efi", "");
    await write("one/large.efi", "x");
    await truncate(join(folder, "one/large.efi"), 256 * 1024 * 1024 + 1);
    const store = loaders(["one"]);
    const found = ["folder.efi", "empty.efi", "large.efi"].map((name) => store.find(name));
    expect(await Promise.all(found)).toEqual([null, null, null]);
  });
});

describe("a large loader", () => {
  it("is read from its file piece by piece, and by each who asks for himself", async () => {
    await write("one/uki.efi", "begin");
    await truncate(join(folder, "one/uki.efi"), 100 * 1024 * 1024);
    vi.mocked(readFile).mockClear();
    const store = loaders(["one"]);
    const [first, second] = [await store.find("uki.efi"), await store.find("uki.efi")];
    expect(first?.blob.size).toBe(100 * 1024 * 1024);
    await first?.blob.close();
    expect(toText((await second?.blob.read(0, 5)) ?? new Uint8Array())).toBe("begin");
    await second?.blob.close();
    expect(readFile).not.toHaveBeenCalled();
  });
});

describe("the list of loaders", () => {
  it("names each one once, as it would be found", async () => {
    await mirror({ "signed_ipxe.efi": "signed", "boot.ipxe": "#!ipxe", "initramfs-x86_64": "x" });
    await write("one/ipxe.efi", "first");
    await write("two/ipxe.efi", "second");
    await write("two/undionly.kpxe", "bios");
    await write("two/readme.txt", "x");
    const list = await loaders(["one", "two", "none"]).list();
    expect(list.map(({ name, size }) => `${name} ${size}`)).toEqual([
      "ipxe.efi 5",
      "signed_ipxe.efi 6",
      "undionly.kpxe 4",
    ]);
  });
});

describe("field fault 30: what is passed over", () => {
  it("is named with the reason", async () => {
    await write("elsewhere/ipxe.efi", "x");
    await write("a/good.efi", "x");
    await write("a/empty.efi", "");
    await write("a/notes.txt", "");
    await mkdir(join(folder, "a", "folder.efi"));
    await symlink("../elsewhere/ipxe.efi", join(folder, "a", "ipxe.efi"));
    await symlink("good.efi", join(folder, "a", "inside.efi"));
    await symlink("nothing", join(folder, "a", "lost.efi"));
    const found = await loaders(["a", "none"]).passedOver();
    const reasons = found.map(({ path, why }) => `${path.slice(folder.length)}: ${why}`).toSorted();
    expect(reasons).toEqual([
      "/a/empty.efi: it is empty",
      "/a/folder.efi: it is no regular file",
      expect.stringMatching(
        /^\/a\/ipxe\.efi: it is a symbolic link to .*\/elsewhere\/ipxe\.efi, out of its folder$/,
      ),
      "/a/lost.efi: it is a symbolic link to nothing",
    ]);
  });
});
