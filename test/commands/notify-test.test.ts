import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { notifyTest } from "../../src/commands/notify-test.ts";
import { ConfigError } from "../../src/lib/errors.ts";
import { FakeProgram } from "../support/program.ts";
import { signaturesOf, WebhookReceiver } from "../support/webhook-receiver.ts";

const secret = "0123456789abcdef";

let folder: string;
let receiver: WebhookReceiver;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "eim-pxe-notify-"));
  receiver = await WebhookReceiver.open();
});
afterEach(async () => {
  await receiver.close();
  rmSync(folder, { recursive: true, force: true });
});

async function run(webhooks: readonly object[], json = false) {
  const config = join(folder, "eim-pxe.yaml");
  writeFileSync(config, JSON.stringify({ notify: { webhooks } }));
  writeFileSync(join(folder, "secret"), `${secret}\n`);
  writeFileSync(join(folder, "short"), "short\n");
  const program = new FakeProgram();
  const code = await notifyTest(program, { config, json });
  return { code, out: program.written };
}

describe("eim-pxe notify test", () => {
  it("tells each webhook of a signed event that is marked as a test", async () => {
    const { code, out } = await run([{ url: receiver.url, secretFile: "secret" }]);
    expect(out).toMatch(/^ok {4}127\.0\.0\.1:\d+ took the event\n$/);
    expect(code).toBe(0);
    const [request] = receiver.requests;
    expect(request?.event).toMatchObject({ type: "eim-pxe.test", data: { event: "test" } });
    expect(request === undefined ? [] : signaturesOf(request, secret)).toHaveLength(2);
  });

  it("ends with 4 when one does not take it, says why, and asks the others all the same", async () => {
    receiver.habit = 404;
    const { code, out } = await run([{ url: receiver.url }, { url: `${receiver.url}/2` }], true);
    expect(code).toBe(4);
    const host = new URL(receiver.url).host;
    const reason =
      "the receiver answered 404; the receiver knows no such path: correct the webhook's url";
    expect(JSON.parse(out)).toEqual({
      webhooks: [
        { webhook: host, delivered: false, reason },
        { webhook: `${host} (2)`, delivered: false, reason },
      ],
    });
    expect(receiver.requests).toHaveLength(2);
  });

  it("ends with 2 where there is no webhook", async () => {
    expect(await run([])).toMatchObject({ code: 2 });
  });

  it.each([
    [{ secretFile: "nowhere" }, /nowhere:1:1: the webhook's secret file cannot be read/],
    [{ secretFile: "short" }, /short:1:1: the secret must have at least 16 characters/],
    [{ caFile: "secret" }, /secret:1:1: holds no certificate in PEM form/],
    [{ events: ["micro-os", "boot-staled"] }, /events\[1\].*boot-stalled/],
    [{ events: ["webhook-failed"] }, /events\[0\]/],
    [{ events: [] }, /events/],
    [{ url: "https://user:password@example.com/" }, /url: .*without user name and password/],
    [{ url: "ftp://example.com/" }, /url: .*must be an http/],
  ] as const)("refuses %j", async (part, text) => {
    const failure = await run([{ url: receiver.url, ...part }]).then(
      () => "",
      (error: unknown) => (error instanceof ConfigError ? error.message : String(error)),
    );
    expect(failure).toMatch(text);
    expect(receiver.requests).toEqual([]);
  });
});
