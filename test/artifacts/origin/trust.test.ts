import { X509Certificate } from "node:crypto";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createSource } from "../../../src/artifacts/origin/trusted-origin.ts";
import type { GenerationStore } from "../../../src/artifacts/store/generation-store.ts";
import {
  createFetchedTrust,
  type FetchedTrustOptions,
} from "../../../src/artifacts/origin/trust.ts";
import { type Certificate, makeCertificate } from "../../../src/lib/certificate.ts";
import { startOrchestrator } from "../../../src/demo/orchestrator.ts";
import type { PxeEvent } from "../../../src/events/types.ts";
import { createMetrics } from "../../../src/observe/metrics.ts";
import { shownEvents } from "../../support/shown-events.ts";
import { held, MirrorSite, release, sums, syncFailure } from "../../support/orchestrator.ts";
import { noProxies } from "../../../src/artifacts/origin/proxy.ts";

const direct = {
  proxy: null,
  environment: noProxies,
};
const fingerprint = ({ cert }: Certificate) => new X509Certificate(cert).fingerprint256;
const digits = (certificate: Certificate) =>
  fingerprint(certificate).replaceAll(":", "").toLowerCase();

let site: MirrorSite;
let store: GenerationStore;
beforeEach(async () => {
  site = await MirrorSite.open();
  store = await site.openStore();
});
afterEach(() => site.close());

/** A mirror of `url` whose CA is fetched from the origin itself, as a new process has it. */
function mirrorTrusting(changes: Partial<FetchedTrustOptions> = {}, url = site.orchestrator.url()) {
  const trust = createFetchedTrust({
    url: `${url}/keys/Full_server.crt`,
    sha256: null,
    directory: join(site.folder, "artifacts"),
    emit: site.events.emit,
    ...direct,
    ...changes,
  });
  return site.mirror(store, { sources: [createSource({ url, ...direct }, trust)] });
}

/** The same orchestrator a year later: the same address, another certificate, everything rebuilt. */
async function renewCertificate(): Promise<Certificate> {
  const { port } = site.orchestrator;
  await site.orchestrator.close();
  const certificate = await makeCertificate(["tinkerbell-haproxy.example.com"], Date.now());
  const renewed = await startOrchestrator({ files: release("2"), certificate, port });
  site.atEnd(() => renewed.close());
  // Not in the second in which the former ones were written.
  for (const [name, content] of release("2")) renewed.replace(name, content);
  return certificate;
}

describe("a CA that is fetched", () => {
  it("is trusted on first use, shown, and remembered", async () => {
    await mirrorTrusting().sync();
    const shown = fingerprint(site.certificate);
    expect(site.events.named("ca-trusted")).toEqual([
      expect.objectContaining({ fingerprint: shown, how: "first-use" }),
    ]);
    await mirrorTrusting().sync();
    expect(site.events.named("ca-trusted")).toHaveLength(1);
    expect(await held(store.current())).toEqual(sums(release("1")));
  });

  it("is remembered by whoever may write, and believed by whoever only reads or has no place for it", async () => {
    const directory = join(site.folder, "artifacts");
    const firstUses = () => site.events.named("ca-trusted").length;
    await mirrorTrusting({ directory, isReadOnly: true }).sync();
    await mirrorTrusting({ directory: null }).sync();
    expect(firstUses()).toBe(2);
    expect(existsSync(join(directory, "ca.json"))).toBe(false);
    await mirrorTrusting({ directory }).sync();
    expect(firstUses()).toBe(3);
    await mirrorTrusting({ directory, isReadOnly: true }).sync();
    expect(firstUses()).toBe(3);
  });

  it("stops at a changed certificate, with what to compare and how to accept it", async () => {
    await mirrorTrusting().sync();
    const former = store.current();
    const renewed = await renewCertificate();
    expect(await syncFailure(mirrorTrusting().sync())).toMatch(/is not trusted/);
    const [event] = site.events.named("origin-untrusted");
    expect(event?.presented).toBe(fingerprint(renewed));
    expect(event?.reason).toContain(fingerprint(site.certificate));
    expect(event?.remedy).toMatch(/artifacts\.ca\.sha256/);
    expect(store.current()).toBe(former);
    // As the remedy says.
    await mirrorTrusting({ sha256: digits(renewed) }).sync();
    expect(await held(store.current())).toEqual(sums(release("2")));
    // And without the pin it stays the one that was accepted.
    await mirrorTrusting().sync();
  });

  it("with a pin has to be that one, by its fingerprint or as the whole file", async () => {
    await mirrorTrusting({ sha256: digits(site.certificate) }).sync();
    expect(site.events.named("ca-trusted")[0]?.how).toBe("pinned");
    const message = await syncFailure(mirrorTrusting({ sha256: "0".repeat(64) }).sync());
    expect(message).toMatch(/is not the one that artifacts\.ca\.sha256 expects \(0000/);
    expect(message).toContain(fingerprint(site.certificate));
  });

  it("with a pin follows a renewal that the pin was set for beforehand", async () => {
    const next = await makeCertificate(["tinkerbell-haproxy.example.com"], Date.now());
    // boots/ca.crt may bring the old one and the new one for a while.
    let text = site.certificate.cert;
    const server = createServer((_, response) => response.end(text));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    site.atEnd(() => new Promise((resolve) => server.close(resolve)));
    const bound = server.address();
    const port = typeof bound === "object" ? bound?.port : 0;
    const url = `http://127.0.0.1:${port}/boots/ca.crt`;
    await mirrorTrusting({ url }).sync();
    text = `${site.certificate.cert}\n${next.cert}`;
    const pinned = mirrorTrusting({ url, sha256: digits(next) });
    expect(await syncFailure(pinned.sync())).toMatch(/is not trusted/);
    expect(site.events.named("origin-untrusted")).toHaveLength(1);
  });

  it("of several that are remembered is only the one that is pinned since", async () => {
    const other = await makeCertificate(["tinkerbell-haproxy.example.com"], Date.now());
    const server = createServer((_, response) =>
      response.end(`${site.certificate.cert}\n${other.cert}`),
    );
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    site.atEnd(() => new Promise((resolve) => server.close(resolve)));
    const bound = server.address();
    const port = typeof bound === "object" ? bound?.port : 0;
    const url = `http://127.0.0.1:${port}/boots/ca.crt`;
    await mirrorTrusting({ url }).sync();
    expect(await syncFailure(mirrorTrusting({ url, sha256: digits(other) }).sync())).toMatch(
      /is not trusted/,
    );
    await mirrorTrusting({ url, sha256: digits(site.certificate) }).sync();
  });

  it.each([
    [404, "", /answered with 404/],
    [200, "<html>log in</html>", /holds no certificate in PEM form/],
    [200, "x".repeat(300_000), /is too large for a CA/],
  ])("that is none is refused (%i)", async (status, body, expected) => {
    site.orchestrator.intercept((name, _, response) => {
      if (name !== "keys/Full_server.crt") return false;
      response.writeHead(status).end(body);
      return true;
    });
    expect(await syncFailure(mirrorTrusting().sync())).toMatch(expected);
    expect(site.events.named("ca-trusted")).toEqual([]);
  });
});

describe("a CA from a file", () => {
  it("stops at a changed certificate, too", async () => {
    await site.mirror(store).sync();
    const renewed = await renewCertificate();
    await syncFailure(site.mirror(store).sync());
    expect(site.events.named("origin-untrusted")).toEqual([
      expect.objectContaining({ presented: fingerprint(renewed) }),
    ]);
  });
});

describe("the end of the certificate", () => {
  it("is a metric, and an event once a day in its last 30 days", async () => {
    const day = 86_400_000;
    const { validTo } = new X509Certificate(site.certificate.cert);
    const end = Date.parse(validTo);
    let wallMs = end - 40 * day;
    const clock = { now: () => wallMs, wall: () => wallMs };
    const log = shownEvents(clock);
    const emit = (event: PxeEvent): void => {
      site.events.emit(event);
      log.emit(event);
    };
    const mirror = site.mirror(store, { clock, emit });
    await mirror.sync();
    const metrics = createMetrics(
      () => true,
      () => [],
      () => ({ busy: 0, idle: 0 }),
    );
    for (const event of site.events.all) metrics.count(event);
    expect(await metrics.registry.metrics()).toContain(
      `eim_pxe_origin_certificate_expiry_timestamp_seconds{origin="${site.orchestrator.url()}"} ${end / 1000}`,
    );
    expect(site.events.named("certificate-expiring")).toEqual([]);
    wallMs = end - 20 * day;
    await mirror.sync();
    wallMs += day / 2;
    await mirror.sync();
    wallMs += day / 2;
    await mirror.sync();
    const days = log.shown.flatMap((event) =>
      event.event === "certificate-expiring" ? [event.days] : [],
    );
    expect(days).toEqual([20, 19]);
    expect(site.events.named("origin-certificate")).toHaveLength(1);
  });
});

describe("several origins", () => {
  it("are asked in their order, and the next one when one fails", async () => {
    const second = await startOrchestrator({
      files: release("1"),
      certificate: site.certificate,
    });
    site.atEnd(() => second.close());
    const sources = [site.orchestrator.url(), second.url()].map((url) =>
      createSource(
        { url, ...direct },
        {
          authority: () => Promise.resolve({ pem: site.certificate.cert, file: "ca" }),
          renew: () => Promise.resolve(false),
          remedy: "",
        },
      ),
    );
    const [first, next] = sources;
    if (first === undefined || next === undefined) return;
    const mirror = site.mirror(store, { sources: [first, next] });
    await mirror.sync();
    expect(second.counters.requests).toBe(0);
    await site.orchestrator.close();
    const { generation } = await mirror.sync();
    expect(site.events.named("origin-failed")).toHaveLength(1);
    expect(site.events.named("sync-failed")).toEqual([]);
    // The same content, so the same generation.
    expect(generation).toMatch(/^000001-/);
    await second.close();
    expect(await syncFailure(mirror.sync())).toMatch(/connection refused/);
    expect(site.events.named("sync-failed")).toHaveLength(1);
  });
});
