import { afterEach, beforeEach, expect, it } from "vitest";
import { type Generation, generationAt } from "../../../src/artifacts/store/generation.ts";
import { loadSettings } from "../../../src/daemon/settings/settings.ts";
import { openLoaders } from "../../../src/daemon/content/loaders.ts";
import { EventLog } from "../../support/orchestrator.ts";
import { ServedSite } from "../../support/served-site.ts";
import { noProxies } from "../../../src/artifacts/origin/proxy.ts";

let site: ServedSite;
let events: EventLog;
beforeEach(async () => {
  site = await ServedSite.open({ initramfsBytes: 0 });
  events = new EventLog();
  // Whatever its name says, it is for x86 BIOS.
  site.write("loaders/ipxe.efi", "a boot sector");
  site.write("loaders/other.efi", "a boot sector");
});
afterEach(() => site.close());

async function open(boot: string, current: Generation | null = null): Promise<void> {
  const { stop } = await openLoaders({
    settings: loadSettings(site.configuration(boot), {}),
    store: { current: () => current },
    isHandedOut: (name) => name === "mirrored.efi",
    environment: noProxies,
    emit: events.emit,
  });
  stop();
}

it("refuses a loader that the configuration gives to machines that it is not for", async () => {
  await expect(open("boot: { loaders: { 7: other.efi } }")).rejects.toThrow(
    /^boot\.loaders: 7 \(x86-64 UEFI\) gets other\.efi .*it is no EFI executable/,
  );
});

it.each(["", "boot: { loaders: { 7: ipxe.efi } }"])(
  "tells of one that the built-in table gives, and starts: %j",
  async (boot) => {
    await open(boot);
    expect(events.all).toEqual([
      {
        event: "loader-unusable",
        file: "ipxe.efi",
        reason: expect.stringMatching(/it is no EFI executable/),
      },
    ]);
  },
);

it("tells of one that the mirror brought, and starts", async () => {
  site.write("mirrored.efi", "a boot sector");
  const about = { etag: null, lastModified: null, sha256: "0".repeat(64) };
  const files = [{ name: "mirrored.efi", size: 13, ...about }];
  const manifest = { version: 1, origin: "https://o.example", createdAt: "", files } as const;
  const generation = generationAt(site.folder, "000001-20260101T000000Z", manifest);
  await open("boot: { loaders: { 7: mirrored.efi } }", generation);
  expect(events.named("loader-unusable").map(({ file }) => file)).toContain("mirrored.efi");
});
