import { describe, expect, test } from "vitest";
import { SiteNotes } from "../../src/daemon/site-notes.ts";

const wallMs = Date.parse("2026-03-06T10:00:00Z");

function notes(): SiteNotes {
  return new SiteNotes("https://orch.example/tink-stack");
}

describe("what is known of the site", () => {
  test("has other servers once each, with what they do, and forgets none of it", () => {
    const site = notes();
    const server = { interface: "eth1", server: "10.0.0.9" };
    site.hear({ event: "other-dhcp-server", ...server, offered: "10.0.0.50" }, wallMs);
    const machine = { mac: "52:54:00:00:00:01", address: null };
    const offer = {
      offered: null,
      network: null,
      reachesUs: true,
      pxe: true,
      bootFile: false,
      discovery: false,
      lacks: [],
    };
    site.hear({ event: "competing-offer", ...machine, ...server, ...offer }, wallMs + 1000);
    expect(site.otherServers()).toEqual([
      {
        ...server,
        givesAddresses: true,
        answersPxe: true,
        lastHeardAt: "2026-03-06T10:00:01.000Z",
      },
    ]);
  });

  test("keeps no more servers than a site has, whatever is sent", () => {
    const site = notes();
    for (let one = 0; one < 500; one += 1) {
      const server = `10.0.${one >> 8}.${one & 255}`;
      site.hear({ event: "other-dhcp-server", interface: "eth1", server, offered: null }, wallMs);
    }
    expect(site.otherServers()).toHaveLength(64);
  });

  test("follows a synchronisation", () => {
    const site = notes();
    const origin = "https://orch.example/tink-stack";
    expect(site.origin()).toMatchObject({ state: "not-asked" });
    site.hear({ event: "sync-start", origin }, wallMs);
    const progress = { bytes: 5, total: 10, bytesPerSecond: 1, remainingSeconds: 5 };
    site.hear({ event: "sync-progress", file: "vmlinuz", ...progress }, wallMs);
    expect(site.origin()).toMatchObject({ state: "asking", progress: { file: "vmlinuz" } });
    site.hear({ event: "sync-failed", origin, reason: "no route", serving: null }, wallMs);
    expect(site.origin()).toMatchObject({ state: "failed", failure: { reason: "no route" } });
    site.hear({ event: "sync-done", generation: "g", changed: true, durationMs: 1 }, wallMs);
    expect(site.origin()).toMatchObject({ state: "reached", failure: null, progress: null });
    expect(new SiteNotes(null).origin()).toBeNull();
  });
});
