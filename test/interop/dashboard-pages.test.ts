import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { decisionsReply } from "../../src/api/nodes.ts";
import type { PxeEvent } from "../../src/events/types.ts";
import { openDgram } from "../../src/net/dgram.ts";
import { bootMachine } from "../../src/pxe-client/simulated-machine.ts";
import { type Beat, say } from "../support/boot-story.ts";
import { buildDashboard, chromiumPath, openBrowser, watchedPage } from "../support/browser.ts";
import { fetched, scripted, twiceInVain } from "../support/failing-boots.ts";
import { eventually } from "../support/eventually.ts";
import { MadeUpSite } from "../support/made-up-site.ts";
import { nodeEntry } from "../support/node-entry.ts";
import { RunningSite } from "../support/running-site.ts";
import { ServedSite } from "../support/served-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/* What people do on the dashboard's pages besides deciding who may boot. */

const up: readonly Beat[] = [...fetched, [30, say.microOs()]];

/** Machines of a made-up site: two are up, one boots, one stopped. */
const room = [
  ["52:54:00:7a:10:01", "press-1", up],
  ["52:54:00:7a:10:02", "press-2", up],
  ["52:54:00:7a:10:03", "welding-1", scripted],
  ["52:54:00:7a:10:04", "welding-2", twiceInVain],
] as const;

const skip = reasonToSkip({ tools: [chromiumPath] });

describe.skipIf(skip !== null)(`the dashboard's pages${skip === null ? "" : ` (${skip})`}`, () => {
  let browser: Browser;
  let made: MadeUpSite | null = null;
  let site: RunningSite | null = null;
  const contexts: BrowserContext[] = [];
  beforeAll(async () => {
    buildDashboard();
    browser = await openBrowser();
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    await made?.close();
    await site?.close();
    made = null;
    site = null;
  });
  afterAll(() => browser.close());

  async function openRoom() {
    made = new MadeUpSite();
    for (const [index, [mac, name, beats]] of room.entries()) {
      made.tell(mac, `192.168.77.${100 + index}`, beats, beats === scripted ? 1 : 300);
      made.site.entries.push(nodeEntry({ mac, name, netboot: "allow" }));
    }
    const url = await made.open(`${process.cwd()}/dist/dashboard`);
    return { made, ...(await openPage(url)) };
  }

  async function openPage(url: string) {
    const context = await browser.newContext();
    contexts.push(context);
    const tab = await watchedPage(context, url);
    await tab.page.goto(`${url}/`);
    return tab;
  }

  const names = (page: Page) => page.locator(".row .named").allTextContents();

  it("are searched, filtered, grouped, and shown on a wall", async () => {
    const { page, complaints } = await openRoom();
    await page.getByText("4 machines").waitFor();
    // What needs a person comes first.
    expect((await names(page))[0]).toMatch(/^welding-/);
    await page.getByRole("searchbox").fill("10:02");
    await page.getByText("1 of 4 machines").waitFor();
    expect(await names(page)).toEqual(["press-2"]);
    await page.getByRole("searchbox").fill("");
    await page.getByLabel("Show").selectOption("up");
    await page.getByText("2 of 4 machines").waitFor();
    expect((await names(page)).toSorted()).toEqual(["press-1", "press-2"]);
    await page.getByLabel("Show").selectOption("all");
    await page.getByLabel("Group by state").uncheck();
    await page.getByLabel("Sort by").selectOption("name");
    await page.getByRole("heading", { name: "stopped" }).waitFor({ state: "detached" });
    expect(await names(page)).toEqual(["press-1", "press-2", "welding-1", "welding-2"]);
    await page.getByRole("button", { name: "Wall mode" }).click();
    await page.getByRole("searchbox").waitFor({ state: "hidden" });
    expect(await page.getByRole("button", { name: "Deny" }).count()).toBe(0);
    await page.getByRole("button", { name: "Leave wall mode" }).click();
    await page.getByRole("searchbox").waitFor();
    expect(complaints).toEqual([]);
  });

  it("have no gaps where the window grows, or a search ends", async () => {
    made = new MadeUpSite();
    for (let index = 10; index < 40; index += 1) {
      made.tell(`52:54:00:7a:10:${index}`, `192.168.77.${index}`, scripted, 1);
    }
    const { page, complaints } = await openPage(await made.open(`${process.cwd()}/dist/dashboard`));
    await page.getByText("30 machines").waitFor();
    await page.evaluate(`
      window.gaps = 0;
      new MutationObserver((changes) => {
        for (const { addedNodes } of changes) {
          for (const node of addedNodes) if (node.childNodes.length === 0) window.gaps += 1;
        }
      }).observe(document.querySelector(".machines"), { childList: true });
    `);
    await page.setViewportSize({ width: 1280, height: 3200 });
    await page.locator(".row").nth(29).waitFor();
    await page.getByRole("searchbox").fill("10:39");
    await page.getByText("1 of 30 machines").waitFor();
    await page.getByRole("searchbox").fill("");
    await page.locator(".row").nth(29).waitFor();
    expect(await page.evaluate("window.gaps")).toBe(0);
    expect(complaints).toEqual([]);
  });

  it("weigh less than 150 kB together, as they go over the wire", () => {
    const folder = "dist/dashboard/assets";
    const packed = readdirSync(folder).filter((name) => name.endsWith(".gz"));
    expect(packed.length).toBeGreaterThanOrEqual(3);
    const bytes = packed.map((name) => statSync(join(folder, name)).size);
    expect(bytes.reduce((sum, one) => sum + one, 0)).toBeLessThan(150_000);
  });

  it("are worked with the keyboard alone", async () => {
    const { page, complaints } = await openRoom();
    await page.getByText("4 machines").waitFor();
    const focused = () =>
      page.evaluate<string>(
        "(document.activeElement.getAttribute('aria-label') ?? '') + document.activeElement.textContent",
      );
    const tabTo = async (wanted: RegExp) => {
      for (let presses = 0; presses < 60; presses += 1) {
        await page.keyboard.press("Tab");
        if (wanted.test(await focused())) return;
      }
      throw new Error(`the tabulator comes to nothing like ${wanted}`);
    };
    await tabTo(/Go to the content/);
    await page.keyboard.press("Enter");
    expect(await page.evaluate("document.activeElement.id")).toBe("content");
    await tabTo(/press-1/);
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "press-1" }).waitFor();
    await page.waitForFunction("document.activeElement.id === 'content'");
    await tabTo(/^Deny$/);
    await page.keyboard.press("Space");
    await page.locator('button[aria-pressed="true"]', { hasText: "Deny" }).waitFor();
    await page.getByLabel("Name").focus();
    await page.keyboard.press("ControlOrMeta+A");
    await page.keyboard.type("press-9");
    await page.keyboard.press("Enter");
    await page.getByRole("heading", { name: "press-9" }).waitFor();
    expect(complaints).toEqual([]);
  });

  it("redraw no row of a machine that does nothing, while 100 events a second come of others", async () => {
    const { made: busy, page, complaints } = await openRoom();
    await page.getByText("4 machines").waitFor();
    await page.evaluate(`
      window.redrawn = [];
      for (const row of document.querySelectorAll(".row.up")) {
        row.isSame = true;
        new MutationObserver((changes) => {
          for (const { target } of changes) {
            const element = target.nodeType === Node.TEXT_NODE ? target.parentElement : target;
            // How long ago something happened is told anew every second.
            if (!element.matches(".ago")) window.redrawn.push(element.outerHTML);
          }
        }).observe(row, { subtree: true, childList: true, characterData: true, attributes: true });
      }
    `);
    // What comes after the first page, such as names, is drawn into them before.
    await page.getByText("press-1").waitFor();
    await eventually(async () => {
      await page.evaluate("window.redrawn = []");
      await page.waitForTimeout(500);
      expect(await page.evaluate("window.redrawn")).toEqual([]);
    });
    const [mac] = room[2];
    const address = "192.168.77.102";
    const asWelding = (event: PxeEvent) => ("mac" in event ? { ...event, mac, address } : event);
    let sent = 0;
    await new Promise<void>((done) => {
      const timer = setInterval(() => {
        busy.emit(asWelding(sent === 299 ? say.kernel() : say.script()));
        sent += 1;
        if (sent < 300) return;
        clearInterval(timer);
        done();
      }, 10);
    });
    const row = page.getByRole("article").filter({ hasText: "welding-1" });
    await row.locator(".track > [aria-current]", { hasText: "Micro-OS" }).waitFor();
    expect(await page.evaluate("window.redrawn")).toEqual([]);
    const same = "[...document.querySelectorAll('.row.up')].map((row) => row.isSame === true)";
    expect(await page.evaluate(same)).toEqual([true, true]);
    expect(complaints).toEqual([]);
  });

  it("reserve a lease's address for its machine, and forget what was learnt of its firmware", async () => {
    const files = await ServedSite.open();
    try {
      const compatibility = "standard";
      site = await RunningSite.open(files, {
        mode: "full",
        compatibility,
        boot: {},
        nodes: [],
        trace: null,
      });
      const mac = "52:54:00:00:00:07";
      const uuid = "42f8b4dc-1111-4222-8333-525400000007";
      await bootMachine(
        { mac, uuid, firmware: "uefi" },
        { dhcp: site.dhcpServer, tftpPort: site.tftpPort, openUdp: openDgram },
      );
      const { page, complaints } = await openPage(site.adminUrl);
      await page.getByRole("link", { name: "Addresses" }).click();
      await page.getByRole("button", { name: "Reserve" }).click();
      await page.getByText("is reserved from now on.").waitFor();
      const reply = await fetch(`${site.adminUrl}/api/v1/decisions`);
      const { decisions } = decisionsReply.parse(await reply.json());
      expect(decisions).toMatchObject([{ value: mac, address: expect.stringMatching(/^127\./) }]);
      await page.getByRole("link", { name: mac }).click();
      await page.getByRole("heading", { name: "Our answers, and why" }).waitFor();
      await page.getByRole("cell", { name: "fetch the loader" }).first().waitFor();
      await page.getByRole("button", { name: "Forget what was learnt" }).click();
      await page.getByText("The next boot starts from the beginning.").waitFor();
      await page.getByRole("button", { name: "Forget what was learnt" }).waitFor({
        state: "detached",
      });
      expect(complaints).toEqual([]);
    } finally {
      await files.close();
    }
  });
});
