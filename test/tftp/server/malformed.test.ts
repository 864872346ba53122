import { describe, expect, it } from "vitest";
import { mutated, randomNumbers } from "../../support/random.ts";
import { servedTftp, told, whole } from "../../support/served-tftp.ts";
import { firmwareTftp } from "../../support/tftp.ts";

const { client, serve } = servedTftp();

describe("hostile datagrams", () => {
  it("are counted and harm nobody, at the listening port and at a transfer's", async () => {
    const server = await serve();
    const random = randomNumbers(Date.now() >>> 0);
    const real = firmwareTftp().map(({ payload }) => payload);
    const hostile = await client();
    const [one] = [await client()];
    one.request(server.endpoint, "ipxe.efi", { blksize: 1468 });
    const { from } = await one.next();
    for (let i = 0; i < 2000; i++) {
      const payload = mutated(real[random(real.length)] ?? new Uint8Array(), random);
      hostile.sendBytes(payload, i % 2 === 0 ? server.endpoint : from);
      // Let the server read, or its socket would overflow and the test prove little.
      if (i % 50 === 0) await (await client()).fetch(server.endpoint, "empty.efi");
    }
    const fetched = await (await client()).fetch(server.endpoint, "ipxe.efi", { blksize: 1468 });
    expect(told(fetched)).toBe(whole);
    expect(server.eventNames).toContain("tftp-malformed");
    for (const name of server.asked) expect(name.split("/")).not.toContain("..");
  });
});
