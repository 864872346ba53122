import type { Browser, BrowserContext, BrowserContextOptions } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { AdminAppOptions } from "../../src/http/admin/app.ts";
import { type Beat, say } from "../support/boot-story.ts";
import { buildDashboard, chromiumPath, openBrowser, watchedPage } from "../support/browser.ts";
import { fetched, scripted, twiceInVain } from "../support/failing-boots.ts";
import { MadeUpSite } from "../support/made-up-site.ts";
import { nodeEntry } from "../support/node-entry.ts";
import { reasonToSkip } from "../support/tools.ts";

/* The dashboard of a made-up site: fetches, asset folder, switching on, a wall, readers of other languages. */

const dayMs = 86_400_000;
const up: readonly Beat[] = [...fetched, [30, say.microOs()]];

const origin = {
  url: "https://orchestrator.example/tink-stack",
  state: "reached",
  lastSyncAt: new Date(Date.now() - 140_000).toISOString(),
  failure: null,
  certificateExpiresAt: new Date(Date.now() + 200 * dayMs).toISOString(),
  progress: null,
} as const;

type Site = Awaited<ReturnType<AdminAppOptions["site"]>>;

const quietSite: Site = {
  links: [
    { interface: "eth1", address: "192.168.77.1", mode: "proxy", served: true, reason: null },
  ],
  leader: null,
  otherServers: [],
  origin,
  generation: { id: "g2", createdAt: "2026-03-06T09:00:00Z" },
  disk: null,
};

const skip = reasonToSkip({ tools: [chromiumPath] });

describe.skipIf(skip !== null)(`the dashboard${skip === null ? "" : ` (${skip})`}`, () => {
  let browser: Browser;
  let made = new MadeUpSite();
  const contexts: BrowserContext[] = [];
  beforeAll(async () => {
    buildDashboard();
    browser = await openBrowser();
  });
  afterEach(async () => {
    await Promise.all(contexts.splice(0).map((context) => context.close()));
    await made.close();
    made = new MadeUpSite();
  });
  afterAll(() => browser.close());

  async function openPage(
    route: string,
    given: Partial<AdminAppOptions> = {},
    options: BrowserContextOptions = {},
  ) {
    const url = await made.open(`${process.cwd()}/dist/dashboard`, given);
    const context = await browser.newContext(options);
    contexts.push(context);
    const tab = await watchedPage(context, url);
    await tab.page.goto(`${url}/#/${route}`);
    return tab;
  }

  it("says how far a fetch of the mirror is, and when the orchestrator's certificate ends", async () => {
    let now: Site = quietSite;
    const { page, complaints } = await openPage("site", { site: () => Promise.resolve(now) });
    const ends = page
      .getByRole("definition")
      .locator(`[datetime="${origin.certificateExpiresAt}"]`);
    await ends.waitFor();
    expect(await page.locator("time.bad").count()).toBe(0);
    await page.getByRole("button", { name: "Fetch now" }).waitFor();

    const progress = { file: "initramfs-x86_64", bytes: 100e6, total: 400e6, bytesPerSecond: 5e6 };
    const fetching = { ...progress, remainingSeconds: 60 };
    now = { ...quietSite, origin: { ...origin, state: "asking", progress: fetching } };
    made.emit({ event: "sync-progress", ...fetching });
    const bar = page.getByLabel("Fetching initramfs-x86_64: 100 MB / 400 MB, 5.0 MB/s");
    await bar.waitFor();
    expect(await page.evaluate("document.querySelector('progress').position")).toBe(0.25);
    expect(await page.getByRole("button", { name: "Fetching …" }).isDisabled()).toBe(true);
    // While it fetches the page asks again by itself.
    now = {
      ...now,
      origin: { ...origin, state: "asking", progress: { ...fetching, bytes: 300e6 } },
    };
    await page.getByLabel("300 MB / 400 MB").waitFor();

    const soon = new Date(Date.now() + 5 * dayMs).toISOString();
    now = { ...quietSite, origin: { ...origin, certificateExpiresAt: soon } };
    await bar.waitFor({ state: "detached" });
    await page.locator(`time.bad[datetime="${soon}"]`).waitFor();
    await page.getByRole("button", { name: "Fetch now" }).waitFor();
    expect(complaints).toEqual([]);
  });

  it("lists the asset folder, and says which of its files are not handed out", async () => {
    const { artifacts } = made.site.options;
    const assets = {
      directory: "/srv/eim-pxe/assets",
      files: 3,
      more: false,
      listed: [
        { path: "answers/press.cfg", size: 1200, modifiedAt: "2026-03-06T09:00:00Z" },
        { path: "drivers.iso", size: 88e6, modifiedAt: "2026-03-06T09:00:00Z" },
      ],
      passedOver: [{ path: "etc", why: "it is a symbolic link that leads out of the folder" }],
      problem: null,
    };
    const { page, complaints } = await openPage("site", {
      site: () => Promise.resolve(quietSite),
      artifacts: { ...artifacts, assets: () => Promise.resolve(assets) },
    });
    await page.getByRole("heading", { name: "Asset folder" }).waitFor();
    await page.getByText("/srv/eim-pxe/assets: 3 files").waitFor();
    const row = page.getByRole("row").filter({ hasText: "drivers.iso" });
    expect(await row.innerText()).toContain("88 MB");
    await page.getByText("and 1 more").waitFor();
    await page.getByText("Not handed out: etc: it is a symbolic link").waitFor();
    expect(complaints).toEqual([]);
  });

  it("switches a machine on by Wake-on-LAN, and says where the packet went", async () => {
    const mac = "52:54:00:7a:10:01";
    made.site.entries.push(nodeEntry({ mac, name: "press-1" }));
    made.tell(mac, "192.168.77.100", up, 300);
    const { page, complaints } = await openPage(`machine/${mac}`);
    await page.getByRole("button", { name: "Switch on (Wake-on-LAN)" }).click();
    await page.getByText("A Wake-on-LAN packet was sent on eth1.").waitFor();
    expect(made.site.woken.map((one) => one.mac)).toEqual([mac]);
    expect(complaints).toEqual([]);
  });

  it("fills a wall: what needs a person in large tiles, the rest in lines, nothing to be scrolled", async () => {
    for (let index = 0; index < 60; index += 1) {
      const mac = `52:54:00:7a:10:${(index + 1).toString(16).padStart(2, "0")}`;
      const beats = index < 3 ? twiceInVain : index < 6 ? scripted : up;
      made.tell(mac, `192.168.77.${100 + index}`, beats, beats === scripted ? 1 : 300);
      made.site.entries.push(nodeEntry({ mac, name: `press-${index + 1}` }));
    }
    const viewport = { width: 2560, height: 1440 };
    const { page, complaints } = await openPage("", {}, { viewport });
    await page.getByText("60 machines").waitFor();
    await page.getByRole("button", { name: "Wall mode" }).click();
    await page.locator(".chips > li").last().waitFor();
    expect(await page.locator(".tiles .status").allInnerTexts()).toEqual(
      "■stopped ■stopped ■stopped ▶booting ▶booting ▶booting".split(" "),
    );
    const places = await page.evaluate<readonly number[]>(
      "[...document.querySelectorAll('.tiles > li')].map((one) => one.getBoundingClientRect().left)",
    );
    expect(new Set(places.map(Math.round)).size).toBe(4);
    const ends = "document.scrollingElement.scrollHeight <= innerHeight";
    expect(await page.evaluate(ends)).toBe(true);
    const nameSize =
      "parseFloat(getComputedStyle(document.querySelector('.tiles .named')).fontSize)";
    expect(await page.evaluate(nameSize)).toBeGreaterThan(38);
    const shown = await page.locator(".tiles > li, .chips > li").count();
    const more = await page.locator(".rest").allInnerTexts();
    expect(more).toEqual(shown === 60 ? [] : [`and ${60 - shown} more: ${60 - shown} up`]);
    await page.setViewportSize({ width: 1280, height: 800 });
    await page.locator(".rest").waitFor();
    expect(await page.evaluate(ends)).toBe(true);
    expect(complaints).toEqual([]);
  });

  it.each(["de-DE", "ja-JP"])(
    "is English throughout for a reader of %s, with their clock, and nothing runs out of its place",
    async (locale) => {
      const mac = "52:54:00:7a:10:01";
      made.tell(mac, "192.168.77.100", twiceInVain, 40 * 3600);
      const given = { site: () => Promise.resolve(quietSite) };
      const options = { locale, timezoneId: "UTC", viewport: { width: 390, height: 844 } };
      const { page, complaints } = await openPage("site", given, options);
      const [year, month] = origin.certificateExpiresAt.split("-");
      const name = new Date(origin.certificateExpiresAt).toLocaleString("en", {
        month: "long",
        timeZone: "UTC",
      });
      expect(month).toMatch(/^\d\d$/);
      const ends = page.locator(`time[datetime="${origin.certificateExpiresAt}"]`);
      expect(await ends.innerText()).toMatch(new RegExp(`^${name} \\d+, ${year}$`));
      expect(await page.evaluate("document.documentElement.lang")).toBe("en");
      for (const [route, heading] of [
        ["", "stopped 1"],
        ["site", "Boots by the hour"],
        ["addresses", "Addresses in use"],
        [`machine/${mac}`, "What happened"],
      ] as const) {
        await page.evaluate(`location.hash = "#/${route}"`);
        await page.getByRole("heading", { name: heading }).waitFor();
        const over = "document.scrollingElement.scrollWidth - innerWidth";
        expect([route, await page.evaluate(over)]).toEqual([route, 0]);
      }
      const when = await page.getByText(/^began .*, came to its last step/).innerText();
      expect(when).toMatch(/^began [A-Z][a-z]+ \d+, \d\d:\d\d:\d\d, came to its last step [A-Z]/);
      expect(complaints).toEqual([]);
    },
  );
});
