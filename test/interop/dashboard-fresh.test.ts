import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import type { LeaseReply } from "../../src/api/leases.ts";
import { at } from "../support/admin-site.ts";
import { buildDashboard, chromiumPath, openBrowser, watchedPage } from "../support/browser.ts";
import { scripted } from "../support/failing-boots.ts";
import { MadeUpSite } from "../support/made-up-site.ts";
import { reasonToSkip } from "../support/tools.ts";

/* What the dashboard's pages show is what holds now, also where an answer does not come. */

const mac = "52:54:00:7a:10:03";
const json = "application/json";

function leaseAt(index: number): LeaseReply {
  const hex = index.toString(16).padStart(4, "0");
  return {
    mac: `52:54:00:00:${hex.slice(0, 2)}:${hex.slice(2)}`,
    address: `10.1.${index >> 8}.${index & 255}`,
    network: "10.1.0.0/16",
    state: "bound",
    expiresAtMs: Date.now() + 3_600_000,
    startedAtMs: Date.now(),
    hostname: null,
    clientId: null,
  };
}

const skip = reasonToSkip({ tools: [chromiumPath] });

describe.skipIf(skip !== null)(`the dashboard is fresh${skip === null ? "" : ` (${skip})`}`, () => {
  let browser: Browser;
  let made: MadeUpSite;
  let context: BrowserContext;
  beforeAll(async () => {
    buildDashboard();
    browser = await openBrowser();
  });
  afterEach(async () => {
    await context.close();
    await made.close();
  });
  afterAll(() => browser.close());

  /** `prepare`: what is answered otherwise than by the server. */
  async function openPage(route: string, prepare: (page: Page) => Promise<void>): Promise<Page> {
    made = new MadeUpSite();
    made.tell(mac, "192.168.77.103", scripted, 1);
    const url = await made.open(`${process.cwd()}/dist/dashboard`);
    context = await browser.newContext();
    const { page } = await watchedPage(context, url);
    await prepare(page);
    await page.goto(`${url}/#/${route}`);
    return page;
  }

  it("shows a lease that was freed no more, on whatever page it was", async () => {
    let leases = Array.from({ length: 450 }, (_, index) => leaseAt(index));
    const page = await openPage("addresses", async (tab) => {
      await tab.route(/\/api\/v1\/leases/, (route) => {
        const url = new URL(route.request().url());
        if (route.request().method() === "DELETE") {
          const address = url.pathname.split("/").at(-1);
          const [freed] = leases.filter((one) => one.address === address);
          leases = leases.filter((one) => one.address !== address);
          return route.fulfill({ contentType: json, body: JSON.stringify(freed) });
        }
        const cursor = url.searchParams.get("cursor");
        const from = leases.findIndex((one) => one.address === cursor) + 1;
        const part = leases.slice(from, from + Number(url.searchParams.get("limit")));
        const isLast = from + part.length === leases.length;
        const next = isLast ? null : part.at(-1)?.address;
        const body = JSON.stringify({ leases: part, pools: [], next });
        return route.fulfill({ contentType: json, body });
      });
    });
    const rows = page.locator(".leases tbody tr");
    await page.getByRole("button", { name: "Show more" }).click();
    await rows.nth(399).waitFor();
    await page.getByRole("button", { name: "Show more" }).click();
    await rows.nth(449).waitFor();
    await rows.first().getByRole("button", { name: "Free" }).click();
    await page.getByRole("rowheader", { name: "10.1.0.0", exact: true }).waitFor({
      state: "detached",
    });
    expect(await rows.count()).toBe(449);
  });

  it("shows no settings of one program while another is chosen", async () => {
    const page = await openPage("site", async (tab) => {
      await tab.route(/\/other-servers\/kea/, (route) =>
        route.fulfill({
          status: 404,
          contentType: json,
          body: JSON.stringify({ error: { code: "NOT_FOUND", message: "no link is served" } }),
        }),
      );
    });
    const choice = page.locator("select").first();
    await choice.selectOption("dnsmasq");
    await page.getByText("settings for dnsmasq").waitFor();
    await choice.selectOption("kea");
    await page.getByText("no link is served").waitFor();
    expect(await page.locator(".paste").count()).toBe(0);
  });

  it("says that the server does not answer", async () => {
    const page = await openPage("", async (tab) => {
      await tab.route(/\/api\/v1\/site/, (route) => route.abort("connectionrefused"));
    });
    const said = page.locator(".banner[role=alert]");
    await said.waitFor();
    expect(await said.innerText()).toContain("This server does not answer.");
  });

  it("has no seconds of a boot read aloud, as they pass", async () => {
    const page = await openPage(`machine/${mac}`, () => Promise.resolve());
    const spoken = page.locator(".verdict .fine");
    await spoken.waitFor();
    const nearest = spoken.locator("xpath=ancestor-or-self::*[@aria-live][1]");
    expect(await nearest.getAttribute("aria-live")).toBe("off");
  });

  it("keeps what was typed for one machine from the next whose link is opened", async () => {
    const other = "52:54:00:7a:10:04";
    const page = await openPage(`machine/${mac}`, () => Promise.resolve());
    made.tell(other, "192.168.77.104", scripted, 1);
    const name = page.getByRole("textbox", { name: "Name" });
    await name.fill("press-3");
    await page.goto(`${new URL(page.url()).origin}/#/machine/${other}`);
    await page.locator("h1 code").getByText(other).waitFor();
    expect(await name.inputValue()).toBe("");
  });

  it("has nothing to decide about a machine of which only the address is known", async () => {
    const page = await openPage("", () => Promise.resolve());
    const machine = { mac: null, address: "192.168.77.200" };
    made.sessions.record("script", machine, {}, at(Date.now()));
    await page.reload();
    const row = page.locator(".row").filter({ hasText: machine.address });
    await row.waitFor();
    expect(await row.getByRole("button").count()).toBe(0);
    const failed: string[] = [];
    page.on("response", (reply) => {
      if (!reply.ok()) failed.push(reply.url());
    });
    await row.getByRole("link").click();
    await page.getByRole("heading", { name: "Our answers, and why" }).waitFor();
    expect(await page.getByRole("button", { name: "Deny" }).count()).toBe(0);
    expect(await page.locator(".facts-list dt").allTextContents()).not.toContain("MAC address");
    expect(failed).toEqual([]);
  });
});
