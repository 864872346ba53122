import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { autoexecScript } from "../../../src/boot/script/autoexec.ts";
import { chainScript } from "../../../src/boot/script/chain.ts";
import { rewriteOrchestratorScript } from "../../../src/boot/script/orchestrator-script.ts";
import { SyncError } from "../../../src/lib/errors.ts";

const original = readFileSync(
  new URL("../../fixtures/orchestrator/boot.ipxe", import.meta.url),
  "utf8",
);
const how = {
  downloadUrl: "http://192.168.77.1:8080/artifacts",
  eventsUrl: null,
  kernelArgs: [],
};

function rewrite(
  text: string,
  changes: Partial<Parameters<typeof rewriteOrchestratorScript>[1]> = {},
) {
  return rewriteOrchestratorScript(text, { ...how, ...changes });
}

/** The whole `imgargs` command, its continued lines included. */
function kernelLine(script: string): string {
  return /imgargs(?:.*\\\r?\n)*.*/.exec(script)?.[0] ?? "";
}

describe("rewriting the orchestrator's boot.ipxe", () => {
  it.each([
    "https://tinkerbell-nginx.example.com/tink-stack",
    "https://tinkerbell-haproxy.example.com/tink-stack",
    "https://tinkerbell-haproxy.orch.site.example:9443/tink-stack",
    "http://tink-stack.kind.internal/tink-stack",
  ])("points downloads here instead of %s, and nowhere else", (url) => {
    const script = original.replace("https://tinkerbell-haproxy.example.com/tink-stack", url);
    const rewritten = rewrite(script);
    expect(rewritten).toContain("\nset download-url http://192.168.77.1:8080/artifacts\n");
    expect(rewritten).not.toContain(url);
  });

  it("keeps every other line of the orchestrator, in order and byte for byte", () => {
    const kept = original
      .split("\n")
      .filter((line) => !/^(#!ipxe|set download-url .*|shell|)$/.test(line));
    const lines = rewrite(original).split("\n");
    const from = lines.indexOf(kept[0] ?? "");
    const to = lines.indexOf("goto eim-failed");
    const body = lines.slice(from, to).filter((line) => line !== "");
    expect(body.filter((line) => !line.startsWith("set download-url"))).toEqual(kept);
  });

  it("leaves the kernel's arguments untouched over all their continued lines", () => {
    expect(kernelLine(rewrite(original))).toBe(kernelLine(original));
    expect(kernelLine(original).split("\n")).toHaveLength(5);
  });

  it("appends the configured kernel arguments behind the orchestrator's last one", () => {
    const rewritten = rewrite(original, { kernelArgs: ["console=ttyS0", "s_offer=${unixtime}"] });
    expect(kernelLine(rewritten)).toBe(
      `${kernelLine(original)} console=ttyS0 s_offer=\${unixtime}`,
    );
  });

  it("appends kernel arguments ahead of what follows the command on its line", () => {
    const script =
      "#!ipxe\nset download-url https://o\nkernel ${download-url}/k a=b c || goto error # why\n:error\nshell\n";
    expect(rewrite(script, { kernelArgs: ["x=1"] })).toContain(
      "\nkernel ${download-url}/k a=b c x=1 || goto error # why\n",
    );
  });

  it("gives the statistics a start time before anything uses it", () => {
    const rewritten = rewrite(original);
    for (const setting of ["network_scan_start", "network_scan_end"]) {
      const set = rewritten.indexOf(`isset \${${setting}} || set ${setting} \${unixtime}`);
      expect(set).toBeGreaterThan(0);
      expect(set).toBeLessThan(rewritten.indexOf(`=\${${setting}}`));
    }
  });

  it("retries and then restarts where the orchestrator's script would open a shell", () => {
    const rewritten = rewrite(original);
    const lines = rewritten.split("\n");
    expect(lines).not.toContain("shell");
    const failed = lines.slice(lines.indexOf(":eim-failed"));
    expect(failed).toContain("goto eim-again");
    expect(failed).toContain("iseq ${eim-try} 3 && goto eim-give-up ||");
    expect(failed.at(-2)).toBe("reboot || exit 1");
    expect(lines.indexOf(":eim-again")).toBeLessThan(lines.indexOf("set arch x86_64"));
    // The counter is set once, not on every round.
    expect(lines.indexOf("set eim-try:int32 0")).toBeLessThan(lines.indexOf(":eim-again"));
  });

  it("replaces a shell inside a line too, but no word that only reads like one", () => {
    const script =
      "#!ipxe\nset download-url https://o\necho shell\n# shell\nimgfetch ${download-url}/k || shell\nboot\n";
    const rewritten = rewrite(script);
    expect(rewritten).toContain(
      "\necho shell\n# shell\nimgfetch ${download-url}/k || goto eim-failed\n",
    );
  });

  it("does not run into the retry when the orchestrator's script ends by itself", () => {
    const lines = rewrite("#!ipxe\nset download-url https://o\nboot").split("\n");
    expect(lines[lines.indexOf(":eim-failed") - 1]).toBe("exit 0");
  });

  it("reports a failure by a request that cannot stop the boot", () => {
    const rewritten = rewrite(original, { eventsUrl: "http://192.168.77.1:8080/events" });
    const beacons = rewritten.split("\n").filter((line) => line.includes("/events"));
    expect(beacons).toHaveLength(2);
    expect(beacons[0]).toMatch(/^imgfetch --timeout 3000 .*\/events\?stage=booting&mac=.* \|\|$/);
    expect(beacons[1]).toMatch(
      /^imgfetch --timeout 3000 .*\/events\?stage=failed&mac=.*&errno=\$\{eim-errno\} && goto eim-reported \|\|$/,
    );
    expect(rewrite(original)).not.toContain("/events");
  });

  it("takes no command out of its condition for a report", () => {
    const script = "#!ipxe\nset download-url https://o\nisset ${x} && boot || shell\n";
    const rewritten = rewrite(script, { eventsUrl: "http://e/events" });
    expect(rewritten).toContain("isset ${x} && boot || goto eim-failed");
    expect(rewritten).not.toContain("stage=booting");
  });

  it.each([
    "https://tinkerbell-nginx.kind.internal/tink-stack",
    "https://tinkerbell-haproxy.example.com/tink-stack",
    "https://tinkerbell-haproxy.example.com:9443/tink-stack",
    "https://192.168.99.30:9443/tink-stack",
  ])("takes the layout of each release: %s", (origin) => {
    const script = original.replace(/set download-url .*/, `set download-url ${origin}`);
    const rewritten = rewrite(script);
    expect(rewritten).not.toContain(origin);
    expect(rewritten).toContain("set download-url http://");
    expect(rewritten.match(/\$\{download-url\}\/vmlinuz-\$\{arch\}/g)?.length).toBeGreaterThan(0);
  });

  it("adds times behind the kernel arguments, and does without where it cannot", () => {
    const timings = [{ name: "loader-done", unixSeconds: 0x6a000000 }];
    const with2 = rewrite(original, { kernelArgs: ["x=1"], timings });
    expect(with2).toContain(" x=1 s_eim_loader_done=0x6a000000");
    expect(rewrite("#!ipxe\nset download-url https://o\nboot", { timings })).not.toContain("s_eim");
  });

  it("keeps CRLF line ends, and uses them for its own lines", () => {
    const rewritten = rewrite(original.replaceAll("\n", "\r\n"), { kernelArgs: ["x=1"] });
    expect(rewritten.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
    expect(rewritten.replaceAll("\r\n", "\n")).toBe(rewrite(original, { kernelArgs: ["x=1"] }));
  });

  it("takes blanks around the URL and behind the arguments as they are", () => {
    const script =
      "#!ipxe \n  set  download-url\thttps://o/tink-stack  \t\nimgargs k a=b  \nboot\n:error\n shell \n";
    const rewritten = rewrite(script, { kernelArgs: ["x=1"] });
    expect(rewritten).toContain(`\n  set  download-url\t${how.downloadUrl}  \t\n`);
    expect(rewritten).toContain("\nimgargs k a=b x=1  \n");
    expect(rewritten).toContain("\n goto eim-failed \n");
  });

  it("does not take a comment, a message or a use for the line that sets the URL", () => {
    const script =
      "#!ipxe\n# set download-url https://old\necho set download-url https://older\n:x set download-url https://o\nimgfetch ${download-url}/k\n";
    const rewritten = rewrite(script);
    expect(rewritten).toContain(`\n:x set download-url ${how.downloadUrl}\n`);
    expect(rewritten).toContain("# set download-url https://old\n");
  });

  it.each([
    ["no such line", original.replace(/^set download-url.*$/m, "set other x"), /has 0/],
    ["two of them", original.replace(/^(set download-url.*)$/m, "$1\n$1"), /has 2/],
    ["one without a URL", original.replace(/^(set download-url).*$/m, "$1"), /one without/],
  ])("refuses a script with %s", (_, script, message) => {
    expect(() => rewrite(script)).toThrow(SyncError);
    expect(() => rewrite(script)).toThrow(message);
  });

  it.each([
    ["an HTML page", "<!DOCTYPE html><html><body>Log in</body></html>", /HTML page/],
    ["an empty file", "", /begins with ""/],
    ["a gPXE script", "#!gpxe\nset download-url https://o\n", /#!gpxe/],
    ["a longer word in the first line", "#!ipxes\nset download-url https://o\n", /must be #!ipxe/],
  ])("refuses %s", (_, text, message) => {
    expect(() => rewrite(text)).toThrow(SyncError);
    expect(() => rewrite(text)).toThrow(message);
  });

  it("refuses kernel arguments that would become script", () => {
    for (const arg of ["a\nshell", "a || shell", "|| shell", "#x", "a\\"]) {
      expect(() => rewrite(original, { kernelArgs: [arg] })).toThrow(SyncError);
    }
    expect(
      rewrite(original, { kernelArgs: ['dyndbg="file a.c +p;file b.c +p"', "a#b"] }),
    ).toContain('dyndbg="file a.c +p;file b.c +p" a#b\n');
  });

  it("refuses to add kernel arguments where it cannot tell to which kernel", () => {
    const script = "#!ipxe\nset download-url https://o\nimgargs a x\nimgargs b y\n";
    expect(() => rewrite(script, { kernelArgs: ["x=1"] })).toThrow(/has 2 lines with the kernel's/);
    expect(() => rewrite(script)).not.toThrow();
  });
});

describe("the script for autoexec.ipxe", () => {
  const script = autoexecScript({
    bootUrl: "http://192.168.77.1:8080/boot.ipxe",
    eventsUrl: "http://192.168.77.1:8080/events",
  });
  const lines = script.split("\n");

  it("asks for an address by IPv4 only", () => {
    expect(lines[0]).toBe("#!ipxe");
    const asking = lines.filter((line) => /^(dhcp|ifconf)\b/.test(line));
    expect(asking).toEqual(["ifconf -c dhcp net${eim-nic} || goto eim-close"]);
  });

  it("hands over the machine's MAC address, UUID and serial number", () => {
    expect(script).toContain(
      "http://192.168.77.1:8080/boot.ipxe?mac=${mac:hexhyp}&uuid=${uuid}&serial=${serial:uristring} ",
    );
  });

  it("ends in a restart after a bounded number of rounds, each of them announced", () => {
    expect(lines).toContain("iseq ${eim-try} 5 && goto eim-give-up ||");
    expect(lines.at(-2)).toBe("reboot || exit 1");
    expect(lines).not.toContain("shell");
    const failed = lines.indexOf(":eim-failed");
    expect(lines[failed + 1]).toMatch(/^echo /);
  });

  it("has iPXE log to us only where logs are taken, and nobody else is named by DHCP", () => {
    const urls = { bootUrl: "http://a/boot.ipxe", eventsUrl: "http://a/events" };
    const line = "isset ${syslog} || set syslog 192.168.77.1 ||";
    const told = autoexecScript({ ...urls, syslog: "192.168.77.1" }).split("\n");
    expect(told.indexOf(line)).toBe(told.findIndex((one) => one.startsWith("ifconf ")) + 1);
    expect(rewrite(original, { syslog: "192.168.77.1" }).split("\n")[1]).toBe(line);
    expect(`${script}${rewrite(original)}`).not.toMatch(/set syslog/);
  });

  it("only jumps to labels that it has", () => {
    const eventsUrl = "http://192.168.77.1:8080/events";
    const chain = chainScript("http://10.0.0.3/a", eventsUrl);
    for (const text of [script, chain, rewrite(original), rewrite(original, { eventsUrl })]) {
      const labels = Array.from(text.matchAll(/^:(\S+)/gm), (match) => match[1]);
      const jumps = Array.from(text.matchAll(/goto (\S+)/g), (match) => match[1]);
      expect(new Set(labels).size).toBe(labels.length);
      for (const jump of jumps) expect(labels).toContain(jump);
    }
  });
});
