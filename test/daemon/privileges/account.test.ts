import { describe, expect, it } from "vitest";
import { findAccount } from "../../../src/daemon/privileges/account.ts";
import {
  obstacleFor,
  type Owned,
  pathsNamedIn,
} from "../../../src/daemon/privileges/named-files.ts";
import { readRights } from "../../../src/daemon/privileges/threads.ts";

const files = {
  passwd: [
    "root:x:0:0:root:/root:/bin/bash",
    "# a comment",
    "eim-pxe:x:991:990::/nonexistent:/usr/sbin/nologin",
    "broken",
    "",
  ].join("\n"),
  group: "ssl-cert:x:112:www-data,eim-pxe\nother:x:113:www-data\neim-pxe:x:990:eim-pxe\n",
};

describe("The user that the server becomes", () => {
  it("is found by name, with its groups", () => {
    expect(findAccount("eim-pxe", files)).toEqual({
      name: "eim-pxe",
      uid: 991,
      gid: 990,
      groups: [112],
    });
  });

  it("is found by number, with and without a name or a group of its own", () => {
    expect(findAccount("991", files)).toMatchObject({ name: "eim-pxe", uid: 991, gid: 990 });
    expect(findAccount("991:5", files)).toMatchObject({
      name: "eim-pxe",
      gid: 5,
      groups: [112, 990],
    });
    expect(findAccount("10067", files)).toEqual({
      name: "10067",
      uid: 10_067,
      gid: 10_067,
      groups: [],
    });
    expect(findAccount("10067:7", files)).toMatchObject({ name: "10067:7", uid: 10_067, gid: 7 });
  });

  it("is not made of what is no user", () => {
    const wrong = ["nobody-here", "4294967295", "99999999999", "1:4294967295", "broken", ""];
    expect(wrong.filter((user) => findAccount(user, files) !== null)).toEqual([]);
  });
});

describe("What such a user may not read", () => {
  const account = { name: "eim-pxe", uid: 991, gid: 990, groups: [112] };
  const folder = (mode: number): Owned => ({ mode: 0o40_000 | mode, uid: 0, gid: 0 });
  const at = (tree: Readonly<Record<string, Owned>>) => (path: string) => tree[path] ?? null;

  it.each([
    ["a file for root alone", { mode: 0o100_600, uid: 0, gid: 0 }, "/etc/key"],
    ["a file of its group, which may not read", { mode: 0o100_604, uid: 0, gid: 990 }, "/etc/key"],
    ["a file of its own that it may not read", { mode: 0o100_044, uid: 991, gid: 0 }, "/etc/key"],
    ["a file for a group that it is a member of", { mode: 0o100_640, uid: 0, gid: 112 }, null],
    ["a file for all", { mode: 0o100_644, uid: 0, gid: 0 }, null],
  ])("%s", (_, key, obstacle) => {
    const tree = { "/": folder(0o755), "/etc": folder(0o755), "/etc/key": key };
    expect(obstacleFor(account, "/etc/key", at(tree))).toBe(obstacle);
  });

  it("is named by the outermost folder that it may not enter", () => {
    const tree = { "/": folder(0o755), "/root": folder(0o700), "/root/a": folder(0o700) };
    expect(obstacleFor(account, "/root/a/b", at(tree))).toBe("/root");
    expect(obstacleFor({ ...account, uid: 0 }, "/root/a/b", at(tree))).toBeNull();
  });

  it("is looked for at every path of the configuration, wherever it stands", () => {
    const config = {
      dataDir: "/var/lib/eim-pxe",
      admin: { tokenFile: "/t", tls: { certFile: "/c", keyFile: "/k" }, listen: "127.0.0.1:1" },
      artifacts: { ca: { file: "/ca" }, loaderDirs: ["/l", "/m"], origin: ["https://a/b"] },
      boot: { script: "mirror" },
      notify: { webhooks: [{ secretFile: "/s", url: "http://a" }] },
      assets: { directory: "/d" },
      nodes: { file: null, kubernetes: { kubeconfig: "/kc" } },
    };
    expect(pathsNamedIn(config)).toEqual(["/t", "/c", "/k", "/ca", "/l", "/m", "/s", "/d", "/kc"]);
  });
});

describe("The rights of a thread", () => {
  it("are read from the kernel's words", () => {
    const status = "Name:\tnode\nUid:\t991\t991\t991\t991\nGid:\t990\t990\t990\t990\n";
    expect(readRights("7", `${status}CapPrm:\t0000000000000400\n`)).toEqual({
      thread: "7",
      uids: [991, 991, 991, 991],
      gids: [990, 990, 990, 990],
      permitted: 1n << 10n,
    });
  });
});
