import { afterEach, describe, expect, it } from "vitest";
import { noProxies } from "../../../src/artifacts/origin/proxy.ts";
import { openReceiver, type Receiver } from "../../../src/daemon/elsewhere/receiver.ts";
import { makeCertificate } from "../../../src/lib/certificate.ts";
import { startTunnelProxy } from "../../support/proxy.ts";
import { type Habit, WebhookReceiver } from "../../support/webhook-receiver.ts";

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

const event = JSON.stringify({
  specversion: "1.0",
  id: "1",
  source: "/eim-pxe/site",
  type: "eim-pxe.test",
  time: "2026-11-30T07:00:00.000Z",
  datacontenttype: "application/json",
  data: {},
});

function opened(
  url: string,
  more: { readonly ca?: string; readonly proxy?: string } = {},
): Receiver {
  const { ca = null, proxy = null } = more;
  const target = { url, ca, proxy, environment: noProxies, key: "notify.webhooks[0]" };
  const receiver = openReceiver(target);
  closers.push(() => receiver.close());
  return receiver;
}

const post = (receiver: Receiver) => receiver.post(event, {}, new AbortController().signal);

async function double(tls = false, habit: Habit = "take") {
  const certificate = tls ? await makeCertificate([], Date.now()) : null;
  const receiver = await WebhookReceiver.open(certificate);
  receiver.habit = habit;
  closers.push(() => receiver.close());
  return { receiver, ca: certificate?.cert ?? "" };
}

describe("the way to a receiver", () => {
  it("brings the status, and what it says about coming again", async () => {
    const { receiver } = await double(false, 503);
    receiver.headers = { "retry-after": "7", location: "/there" };
    expect(await post(opened(receiver.url))).toEqual({
      status: 503,
      location: "/there",
      retryAfterMs: 7000,
      text: "",
    });
  });

  it("uses one connection again, and makes another when that was closed meanwhile", async () => {
    const { receiver } = await double();
    const way = opened(receiver.url);
    for (let n = 0; n < 3; n += 1) expect(await post(way)).toMatchObject({ status: 204 });
    expect(receiver.requests).toHaveLength(3);
  });

  it("goes by TLS with a CA of the site's own, and by no other", async () => {
    const { receiver, ca } = await double(true);
    expect(await post(opened(receiver.url, { ca }))).toMatchObject({ status: 204 });
    const { cert: other } = await makeCertificate([], Date.now());
    await expect(post(opened(receiver.url, { ca: other }))).rejects.toThrow(
      /certificate that 127\.0\.0\.1:\d+ presents is not trusted.*notify\.webhooks\[0\]\.caFile/,
    );
    await expect(post(opened(receiver.url))).rejects.toThrow(/is not trusted/);
  });

  it("goes through the proxy of the mirror", async () => {
    const { receiver, ca } = await double(true);
    const plain = await double();
    const proxy = await startTunnelProxy();
    closers.push(() => proxy.close());
    const url = `http://127.0.0.1:${proxy.port}`;
    expect(await post(opened(receiver.url, { ca, proxy: url }))).toMatchObject({ status: 204 });
    expect(await post(opened(plain.receiver.url, { proxy: url }))).toMatchObject({ status: 204 });
    expect(proxy.tunnels).toHaveLength(1);
    expect(proxy.requests).toHaveLength(1);
  });

  it.each([
    ["close", /closed the connection before it answered.*the log of the receiver/],
    [
      "away",
      /nothing listens at 127\.0\.0\.1:\d+ .*check the host and port of notify\.webhooks\[0\]\.url/,
    ],
  ] as const)("%s: says what is wrong, what to do, and nothing of its path", async (what, text) => {
    const { receiver } = await double(false, what === "close" ? "close" : "take");
    const { url } = receiver;
    if (what === "away") await receiver.close();
    const failure = await post(opened(url)).then(String, String);
    expect(failure).toMatch(text);
    expect(failure).not.toContain("with-a-secret");
  });
});
