import axe from "axe-core";
import type { Browser, BrowserContext } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { artifactsReply } from "../../src/api/artifacts.ts";
import { makeMicroOs } from "../../src/demo/micro-os.ts";
import { OptionCode } from "../../src/dhcp/wire/option-codes.ts";
import { fromText, u16 } from "../../src/lib/bytes.ts";
import { macToBytes } from "../../src/lib/mac.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { bootMachine } from "../../src/pxe-client/simulated-machine.ts";
import { buildDashboard, chromiumPath, openBrowser, watchedPage } from "../support/browser.ts";
import { machineId, message, packetWith } from "../support/dhcp.ts";
import { RunningSite, type SiteSettings } from "../support/running-site.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/* The dashboard in Debian's Chromium, over a running server with real packets. */

const known = "52:54:00:00:00:01";
const unknown = "52:54:00:00:00:02";

const nodes = [{ mac: known, netboot: "allow", name: "press-1" }];

const usual: SiteSettings = {
  mode: "full",
  compatibility: "standard",
  boot: {},
  nodes: [],
  trace: null,
};

/** What firmware asks. */
function discover(mac: string) {
  return packetWith(
    message({
      [OptionCode.VENDOR_CLASS_IDENTIFIER]: fromText("PXEClient:Arch:00007:UNDI:003001"),
      [OptionCode.CLIENT_SYSTEM_ARCHITECTURE]: u16(7),
      [OptionCode.CLIENT_NETWORK_INTERFACE]: Uint8Array.of(1, 3, 1),
      [OptionCode.CLIENT_MACHINE_IDENTIFIER]: machineId,
    }),
    { chaddr: macToBytes(mac) },
  );
}

const skip = reasonToSkip({ tools: [chromiumPath] });

describe.skipIf(skip !== null)(`the dashboard${skip === null ? "" : ` (${skip})`}`, () => {
  let browser: Browser;
  let files: ServedSite;
  let site: RunningSite | null = null;
  const contexts: BrowserContext[] = [];

  beforeAll(async () => {
    buildDashboard();
    [browser, files] = await Promise.all([openBrowser(), ServedSite.open()]);
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    await site?.close();
    site = null;
  });
  afterAll(async () => {
    await browser.close();
    await files.close();
  });

  async function open(settings: Partial<SiteSettings>, route = "", expected?: RegExp) {
    site = await RunningSite.open(files, { ...usual, ...settings });
    const context = await browser.newContext();
    contexts.push(context);
    const tab = await watchedPage(context, site.adminUrl, expected);
    await tab.page.goto(`${site.adminUrl}/#/${route}`);
    return { site, context, ...tab };
  }

  it("shows a machine as it boots, without a reload, and then its timeline and packets", async () => {
    const { site: served, page, complaints } = await open({});
    await page.getByText("A machine could boot now.").waitFor();
    await page.getByText("No machine has asked yet").waitFor();
    const machine = {
      mac: known,
      uuid: "42f8b4dc-1111-4222-8333-525400000001",
      firmware: "uefi",
    } as const;
    await bootMachine(machine, {
      dhcp: served.dhcpServer,
      tftpPort: served.tftpPort,
      openUdp: openDgram,
    });
    const row = page.getByRole("listitem").filter({ hasText: known });
    await row.locator(".status.up").waitFor();
    // Its DHCP request as an operating system says it first, and is only heard.
    await row.getByText("the machine says so").waitFor();
    expect(await row.getByRole("listitem").allTextContents()).toEqual([
      "asked: reached",
      "loader: reached",
      "script: reached",
      "Micro-OS: reached",
      "up: reached, the machine says so",
    ]);
    await row.getByRole("link").click();
    await page.getByRole("heading", { name: "This boot" }).waitFor();
    await page.getByRole("rowheader", { name: "initramfs-done" }).waitFor();
    await page.locator(".packets summary").first().click();
    await page.getByRole("rowheader", { name: /^53 / }).first().waitFor();
    const capture = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download its packets" }).click();
    expect((await capture).suggestedFilename()).toMatch(/\.pcap$/);
    await page.getByRole("link", { name: "Site", exact: true }).click();
    await page.getByText("machines get this one").waitFor();
    await page.getByRole("link", { name: "Addresses" }).click();
    await page.getByRole("button", { name: "Free" }).first().waitFor();
    expect(complaints).toEqual([]);
  });

  it("lets an unknown machine in with one click, names it, denies it: all on the wire", async () => {
    // "auto" tries the next way to the disk after some seconds, and that way begins with an offer.
    const boot = { localBoot: "silent" };
    const {
      site: served,
      page,
      complaints,
    } = await open({ mode: "proxy", unknown: "deny", nodes, boot });
    const isServed = async () => {
      const answers = await served.ask("server", [discover(unknown)], discover(known));
      const [answer] = answers.filter(({ chaddr }) => chaddr[5] === 2);
      return answer?.options.has(OptionCode.VENDOR_CLASS_IDENTIFIER) === true;
    };
    expect(await isServed()).toBe(false);
    const queue = page.getByRole("region", { name: "1 machine waits for your word" });
    await queue.getByRole("button", { name: "Allow", exact: true }).click();
    await queue.waitFor({ state: "detached" });
    expect(await isServed()).toBe(true);

    await page.goto(`${served.adminUrl}/#/machine/${unknown}`);
    await page.getByLabel("Name").fill("press-4");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading", { name: "press-4" }).waitFor();
    await page.getByRole("button", { name: "Deny" }).click();
    await page.locator('button[aria-pressed="true"]', { hasText: "Deny" }).waitFor();
    expect(await isServed()).toBe(false);
    await page.getByRole("button", { name: "Allow once" }).click();
    await page.locator('button[aria-pressed="true"]', { hasText: "Allow once" }).waitFor();
    expect(await isServed()).toBe(true);
    const node = await (await fetch(`${served.adminUrl}/api/v1/nodes/${unknown}`)).json();
    expect(node).toMatchObject({ name: "press-4", netboot: "once" });
    expect(complaints).toEqual([]);
  });

  it("fetches, goes back to the generation before, and takes the newest again", async () => {
    const { site: served, page, complaints } = await open({}, "site");
    const artifacts = async () => {
      const reply = await fetch(`${served.adminUrl}/api/v1/artifacts`);
      return artifactsReply.parse(await reply.json());
    };
    const first = (await artifacts()).current;
    const { initramfs } = makeMicroOs({
      kernelBytes: 20_000,
      initramfsBytes: 50_000,
      seed: "another",
    });
    files.orchestrator.replace("initramfs-x86_64", initramfs);
    await page.getByRole("button", { name: "Fetch now" }).click();
    await page.getByRole("button", { name: "Go back to this one" }).click();
    await page.getByText("machines keep getting the one that you chose").waitFor();
    expect(await artifacts()).toMatchObject({ pinned: first, current: first });
    await page.getByRole("button", { name: "Use the newest again" }).click();
    await page.getByText("machines keep getting the one that you chose").waitFor({
      state: "detached",
    });
    expect(await artifacts()).toMatchObject({ pinned: null });
    expect((await artifacts()).current).not.toBe(first);
    expect(complaints).toEqual([]);
  });

  it("explains the code on a machine's screen, and says when it knows nothing of it", async () => {
    const { page, complaints } = await open({}, "site", /404/);
    const box = page.getByRole("textbox", { name: "What does the code on the screen mean?" });
    await box.fill("PXE-E16");
    await box.press("Enter");
    await page.locator(".meaning", { hasText: "PXE-E16" }).first().waitFor();
    await box.fill("nonsense");
    await box.press("Enter");
    await page.getByText("Nothing is known of this code.").waitFor();
    expect(complaints).toEqual([]);
  });

  it("has the settings for the site's own DHCP server, with this site's addresses", async () => {
    const { site: served, page, complaints } = await open({ mode: "proxy" }, "site");
    await page.getByLabel("Program").selectOption("Kea");
    await page.locator("pre.paste", { hasText: served.address }).waitFor();
    expect(complaints).toEqual([]);
  });

  it("asks for the token, refuses a wrong one, and changes nothing with the one for reading", async () => {
    const tokens = { token: "s3cret-of-the-site", readToken: "for-the-screen-on-the-wall" };
    const { page, context, complaints } = await open({ tokens }, "site", /401/);
    const signIn = async (token: string) => {
      await page.getByLabel("Token").fill(token);
      await page.getByRole("button", { name: "Sign in" }).click();
    };
    await signIn("another-word-of-that-length");
    await page.getByRole("alert").filter({ hasText: "That is not the token." }).waitFor();
    await signIn(tokens.readToken);
    await page.getByText("You may look, not change").waitFor();
    await page.getByText("machines get this one").waitFor();
    expect(await page.getByRole("button", { name: "Fetch now" }).count()).toBe(0);
    const [cookie] = await context.cookies();
    expect(cookie).toMatchObject({ httpOnly: true, sameSite: "Strict" });
    await page.getByRole("button", { name: "Sign out" }).click();
    await signIn(tokens.token);
    await page.getByRole("button", { name: "Fetch now" }).waitFor();
    expect(complaints).toEqual([]);
  });

  it.each(["light", "dark"] as const)(
    "has no serious fault for who uses a keyboard or a screen reader, in the %s theme",
    async (colorScheme) => {
      site = await RunningSite.open(files, { ...usual, mode: "proxy", unknown: "deny", nodes });
      await site.ask("server", [discover(unknown)], discover(known));
      // The page's policy lets nothing be put into it but by this.
      const context = await browser.newContext({ colorScheme, bypassCSP: true });
      contexts.push(context);
      const page = await context.newPage();
      for (const [route, text] of [
        ["", "1 machine waits for your word"],
        [`machine/${unknown}`, "Why it stopped"],
        ["site", "machines get this one"],
        ["addresses", "No address is leased."],
      ] as const) {
        await page.goto(`${site.adminUrl}/#/${route}`);
        await page.getByText(text).first().waitFor();
        await page.addScriptTag({ content: axe.source });
        const found = await page.evaluate<axe.AxeResults>(
          "axe.run(document, { resultTypes: ['violations'] })",
        );
        const faults = found.violations
          .filter(({ impact }) => impact === "serious" || impact === "critical")
          .map(({ id, nodes: places }) => `${id}: ${places.map(({ html }) => html).join(" ")}`);
        expect([route, faults]).toEqual([route, []]);
      }
    },
  );
});
