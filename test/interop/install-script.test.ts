import { spawnSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { InternalError } from "../../src/lib/errors.ts";
import { reasonToSkip } from "../support/tools.ts";

/*
 * What docker/install.sh takes away and puts back, on a box in a folder: its paths are moved there, and systemd,
 * apt-get and dpkg are played. On a real Debian it is tried by test/qemu/firmware/install.test.ts.
 */

const missing = reasonToSkip({ tools: ["bash", "tar", "sha256sum"] });

const programs = {
  id: "echo 0",
  chown: "exit 0",
  ip: 'cat "$BOX/addresses" 2>/dev/null; exit 0',
  getent: 'grep -qxF "$2" "$BOX/names"',
  journalctl: "exit 0",
  // So many restarts fail as the file says.
  systemctl: `case $1 in restart) ;; *) exit 0 ;; esac
left=$(cat "$BOX/failures" 2>/dev/null || echo 0)
[ "$left" -gt 0 ] || exit 0
echo $((left - 1)) >"$BOX/failures"
exit 1`,
  // What depends on a package stands in a file of its name.
  "apt-get": `while [ "$1" = -o ]; do shift 2; done
if [ "$1" = -s ]; then
  for name in "$3" $(cat "$BOX/needs/$3" 2>/dev/null); do echo "Purg $name [1.0]"; done
else shift 3; echo "$*" >>"$BOX/purged"; fi`,
  "dpkg-query": "echo installed",
};

const node = `case $1 in -e) exit 0 ;; --version) echo v22.0.0; exit 0 ;; esac
shift
case $1 in
  --version) echo 1.0.0 ;;
  init) while [ "$1" != --output ]; do shift; done; mkdir -p "$(dirname "$2")"; echo "interfaces: []" >"$2" ;;
esac`;

describe.skipIf(missing !== null)(`install.sh${missing === null ? "" : ` (${missing})`}`, () => {
  let box: string;
  beforeEach(() => {
    box = mkdtempSync(join(tmpdir(), "eim-pxe-install-"));
    for (const [name, text] of Object.entries(programs)) program(`bin/${name}`, text);
    program("node-a", `# a\n${node}`);
    program("node-b", `# b\n${node}`);
    put("run/systemd/system/there", "");
    put("loaders/ipxe.efi", "a loader");
    put("opt/other/there", "");
    const script = readFileSync("docker/install.sh", "utf8");
    const paths = /(?<=[=( ])\/(?=(?:opt|etc|run|var|usr\/local|usr\/share)\/)/g;
    const moved = script.replaceAll(paths, `${box}/`);
    // It removes folders: none of this machine's.
    const left = /[=( ]\/(?:opt|etc|run|var|usr\/local|usr\/share)\//.exec(
      moved.replaceAll(`${box}/`, ""),
    );
    if (left !== null || moved === script)
      throw new InternalError(`a path stays: ${left?.[0] ?? ""}`);
    put("install.sh", moved);
  });
  afterEach(() => rmSync(box, { recursive: true, force: true }));

  function put(path: string, text: string): string {
    const file = join(box, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  }

  function program(path: string, text: string): void {
    chmodSync(put(path, `#!/bin/bash\n${text}\n`), 0o755);
  }

  const at = (path: string) => join(box, path);
  const read = (path: string) => readFileSync(at(path), "utf8");

  /** A package of that version. */
  function packageOf(version: string): string {
    put("package/dist/cli.js", version);
    put("package/docker/systemd/eim-pxe.service", `# of ${version}`);
    const file = at(`eim-pxe-${version}.tgz`);
    spawnSync("tar", ["-C", box, "-czf", file, "package"]);
    return file;
  }

  function run(verb: string, ...words: readonly string[]) {
    return runScript("install.sh", verb, ...words);
  }

  function runScript(script: string, ...words: readonly string[]) {
    const { status, stdout, stderr } = spawnSync("bash", [at(script), ...words], {
      encoding: "utf8",
      env: {
        PATH: `${at("bin")}:${process.env["PATH"] ?? ""}`,
        BOX: box,
        EIM_PXE_INSTALL_LOG: at("install.log"),
      },
    });
    return { code: status, out: stdout + stderr };
  }

  const sources = (version: string, nodeFile = "node-a") => [
    "--package",
    packageOf(version),
    "--node",
    at(nodeFile),
    "--loaders",
    at("loaders"),
  ];
  const install = () => run("install", ...sources("1.0.0"), "--without-start");
  const upgrade = (version: string, nodeFile?: string) =>
    run("upgrade", ...sources(version, nodeFile));
  const installed = () => ({
    program: read("opt/eim-pxe/app/dist/cli.js"),
    unit: read("etc/systemd/system/eim-pxe.service").trim(),
    node: /# (\w)/.exec(read("opt/eim-pxe/node"))?.[1],
  });

  test("install looks at the interface, its address and the orchestrator's name before it changes anything", () => {
    const asked = (...words: readonly string[]) =>
      run("install", ...sources("1.0.0"), "--without-start", ...words);
    const absent = asked("--interface", "eth77");
    expect(absent).toMatchObject({
      code: 2,
      out: expect.stringMatching(/eth77: there is no such interface here; there are: .*\blo\b/),
    });
    const bare = asked("--interface", "lo");
    expect(bare).toMatchObject({ code: 1, out: expect.stringContaining("lo has no IPv4 address") });
    expect(existsSync(at("opt/eim-pxe"))).toBe(false);

    put("addresses", "1: lo inet 192.168.77.10/24");
    put("names", "tinkerbell-nginx.site.example\npxe.example");
    const unknown = asked("--interface", "lo", "--origin", "other.example");
    expect(unknown).toMatchObject({
      code: 0,
      out: expect.stringContaining("The name other.example is not known here."),
    });
    for (const origin of ["site.example", "https://pxe.example:8443/tink-stack"]) {
      rmSync(at("etc/eim-pxe"), { recursive: true });
      const known = asked("--interface", "lo", "--origin", origin);
      expect(known).toMatchObject({ code: 0, out: expect.not.stringContaining("not known here") });
    }
  });

  test("uninstall removes nothing where install never was", () => {
    put("etc/eim-pxe/eim-pxe.yaml", "mine");
    put("usr/share/eim-pxe/loaders/ipxe.efi", "mine");
    put("opt/eim-pxe/app/dist/cli.js", "put there by hand");
    expect(run("uninstall")).toMatchObject({
      code: 1,
      out: expect.stringContaining("was not installed by this script"),
    });
    expect(read("etc/eim-pxe/eim-pxe.yaml")).toBe("mine");
    expect(existsSync(at("usr/share/eim-pxe/loaders/ipxe.efi"))).toBe(true);
    expect(existsSync(at("opt/eim-pxe/app/dist/cli.js"))).toBe(true);
  });

  test("uninstall leaves nothing of what install brought, also after --keep-data", () => {
    for (const isFirst of [true, false]) {
      expect(install()).toMatchObject({ code: 0 });
      put("var/lib/private/eim-pxe/leases", "");
      expect(read("usr/share/eim-pxe/loaders/ipxe.efi")).toBe("a loader");
      const words = isFirst ? ["--keep-data"] : [];
      expect(run("uninstall", ...words)).toMatchObject({ code: 0 });
      expect(existsSync(at("etc/eim-pxe/eim-pxe.yaml"))).toBe(isFirst);
      expect(existsSync(at("var/lib/private/eim-pxe/leases"))).toBe(isFirst);
      expect(existsSync(at("opt/eim-pxe/app"))).toBe(false);
    }
    for (const path of [
      "opt/eim-pxe",
      "etc/eim-pxe",
      "usr/share/eim-pxe",
      "usr/local/bin/eim-pxe",
    ]) {
      expect([path, existsSync(at(path))]).toEqual([path, false]);
    }
  });

  test("uninstall leaves no socket unit behind that would hold the ports without the service", () => {
    install();
    put("etc/systemd/system/eim-pxe.socket", "[Socket]");
    expect(run("uninstall")).toMatchObject({
      code: 0,
      out: expect.stringContaining("eim-pxe.socket, too"),
    });
    expect(existsSync(at("etc/systemd/system/eim-pxe.socket"))).toBe(false);
  });

  test("uninstall leaves folders that were there before, without what install put into them", () => {
    put("etc/eim-pxe/notes", "mine");
    put("usr/share/eim-pxe/loaders/own.efi", "mine");
    put("var/lib/eim-pxe/leases", "mine");
    expect(install()).toMatchObject({ code: 0 });
    expect(run("uninstall")).toMatchObject({
      code: 0,
      out: expect.stringContaining(`Kept: ${at("etc/eim-pxe")}, which was there before`),
    });
    for (const path of ["etc/eim-pxe/notes", "usr/share/eim-pxe/loaders/own.efi"]) {
      expect(read(path)).toBe("mine");
    }
    expect(read("var/lib/eim-pxe/leases")).toBe("mine");
    expect(existsSync(at("etc/eim-pxe/eim-pxe.yaml"))).toBe(false);
    expect(existsSync(at("usr/share/eim-pxe/loaders/ipxe.efi"))).toBe(false);
  });

  test("uninstall leaves Debian's packages that something else needs by now", () => {
    expect(install()).toMatchObject({ code: 0 });
    put("opt/eim-pxe/packages", "nodejs\nipxe\nlibnode115\n");
    put("needs/libnode115", "nodejs npm");
    put("needs/nodejs", "npm");
    const { code, out } = run("uninstall");
    expect([code, read("purged")]).toEqual([0, "ipxe\n"]);
    expect(out).toContain("Kept: Debian's package nodejs, which is needed by now by: npm");
    expect(out).toContain("Kept: Debian's package libnode115");
  });

  describe("koffi", () => {
    const koffi = () => existsSync(at("opt/eim-pxe/app/node_modules/koffi/index.js"));
    const native = "app/node_modules/@koromix/koffi-linux-x64/koffi.node";

    test("is said to be missing where only the package is there, comes later by a bundle, and stays", () => {
      expect(install().out).toContain("Installed without koffi");
      expect(koffi()).toBe(false);

      put("checkout/node_modules/koffi/index.js", "koffi");
      put("checkout/node_modules/@koromix/koffi-linux-x64/koffi.node", "machine code");
      put("checkout/docker/install.sh", read("install.sh"));
      const bundle = at("bundle.tgz");
      const script = "checkout/docker/install.sh";
      expect(runScript(script, "make-bundle", bundle, ...sources("1.0.0"))).toMatchObject({
        code: 0,
      });
      const again = () => run("install", "--offline", bundle, "--without-start");
      const { code, out } = again();
      expect([code, out]).toEqual([0, expect.not.stringContaining("without koffi")]);
      expect(koffi()).toBe(true);
      expect(read(`opt/eim-pxe/${native}`)).toBe("machine code");
      expect(again().out).toContain("Nothing was to be changed.");

      expect(upgrade("2.0.0")).toMatchObject({ code: 0 });
      expect([installed().program, koffi()]).toEqual(["2.0.0", true]);
    });

    test("comes from the checkout that the script lies in", () => {
      put("checkout/node_modules/koffi/index.js", "koffi");
      put("checkout/docker/install.sh", read("install.sh"));
      const words = ["install", ...sources("1.0.0"), "--without-start"];
      expect(runScript("checkout/docker/install.sh", ...words)).toMatchObject({ code: 0 });
      expect(koffi()).toBe(true);
    });
  });

  test("upgrade goes back to the version before, with its Node, where the new one does not start", () => {
    install();
    put("failures", "1");
    const { code, out } = upgrade("2.0.0", "node-b");
    expect([code, out]).toEqual([1, expect.stringContaining("the former one runs again")]);
    expect(installed()).toEqual({ program: "1.0.0", unit: "# of 1.0.0", node: "a" });
    expect(upgrade("2.0.0", "node-b")).toMatchObject({ code: 0 });
    expect(installed()).toEqual({ program: "2.0.0", unit: "# of 2.0.0", node: "b" });
  });

  test("upgrade never goes back to a version before that", () => {
    install();
    upgrade("2.0.0");
    put("failures", "1");
    expect(upgrade("2.0.0", "node-b").out).toContain("the former one runs again");
    expect(installed()).toEqual({ program: "2.0.0", unit: "# of 2.0.0", node: "a" });
    expect(existsSync(at("opt/eim-pxe/app.old"))).toBe(false);
  });

  test("upgrade goes back where the former one's checksum is gone, and says when that does not start either", () => {
    install();
    rmSync(at("opt/eim-pxe/package.sha256"));
    put("failures", "2");
    expect(upgrade("2.0.0")).toMatchObject({
      code: 1,
      out: expect.stringContaining("the former one, which is in place again, does not either"),
    });
    expect(installed()).toEqual({ program: "1.0.0", unit: "# of 1.0.0", node: "a" });
  });
});
