import type { Browser } from "playwright-core";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { bootsReply } from "../../src/api/boots.ts";
import { buildDashboard, chromiumPath, openBrowser, watchedPage } from "../support/browser.ts";
import { MadeUpSite } from "../support/made-up-site.ts";
import { faultMac as mac, preparedFaults } from "../support/prepared-faults.ts";
import { reasonToSkip } from "../support/tools.ts";

/* What the dashboard says first of a boot that stands still, for ten prepared faults. */

const skip = reasonToSkip({ tools: [chromiumPath] });

/** From a large screen to a telephone. */
const screens = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
];

/** Those of which the remedy names a key of the configuration. */
const setInTheConfiguration: readonly string[] = [
  "machine-denied",
  "no-address",
  "tftp-answers-blocked",
  "large-packets-lost",
  "loader-too-large",
];

describe.skipIf(skip !== null)(`a stopped machine${skip === null ? "" : ` (${skip})`}`, () => {
  let browser: Browser;
  let made: MadeUpSite;
  beforeAll(async () => {
    buildDashboard();
    browser = await openBrowser();
  });
  afterEach(() => made.close());
  afterAll(() => browser.close());

  it.each(preparedFaults)(
    "$name: cause and action are on the first screen, before all else",
    async ({ beats, code, unknownNodes }) => {
      made = new MadeUpSite();
      made.site.unknownNodes = unknownNodes;
      made.tell(mac, "192.168.77.100", beats, 600);
      const url = await made.open(`${process.cwd()}/dist/dashboard`);
      const { boots } = bootsReply.parse(
        await (await fetch(`${url}/api/v1/boots?latest=true`)).json(),
      );
      expect(boots.map(({ diagnosis }) => diagnosis?.code)).toEqual([code]);
      const context = await browser.newContext();
      const { page, complaints } = await watchedPage(context, url);
      await page.goto(`${url}/#/machine/${mac}`);
      for (const screen of screens) {
        await page.setViewportSize(screen);
        for (const part of [".diagnosis .cause", ".diagnosis .remedy"]) {
          const place = await page.locator(part).boundingBox();
          expect([part, Math.ceil((place?.y ?? Infinity) + (place?.height ?? 0))]).toSatisfy(
            ([, end]) => Number(end) <= screen.height,
          );
        }
      }
      const isStalled = boots[0]?.status === "stalled";
      // Both come with answers of their own.
      await page.locator(".banner.yes").waitFor();
      await page.locator(".timeline .took").first().waitFor();
      expect(await page.locator(".banner").innerText()).toMatch(
        isStalled ? /This server is ready\. But 1 machine stopped/ : /a machine could boot now/,
      );
      const settings = await page.locator(".diagnosis .settings").allInnerTexts();
      const saysWhere = settings.map((line) =>
        line.includes("Settings are in /etc/eim-pxe/eim-pxe.yaml on this server."),
      );
      expect(saysWhere).toEqual(setInTheConfiguration.includes(code) ? [true] : []);
      expect(await page.locator(".diagnosis .again").innerText()).toContain("off and on");
      const bars = await page.locator(".timeline .took").all();
      expect(bars.length).toBeGreaterThan(0);
      for (const bar of bars) {
        const place = await bar.boundingBox();
        expect([place?.width ?? 0, place?.height ?? 0].every((length) => length > 0)).toBe(true);
      }
      const text = await page.locator(".diagnosis").innerText();
      const [said] = boots.flatMap(({ diagnosis }) => (diagnosis === null ? [] : [diagnosis]));
      expect(text.toLowerCase()).toContain(said?.cause.toLowerCase());
      expect(text.toLowerCase()).toContain(said?.remedy.toLowerCase());
      expect(complaints).toEqual([]);
      await context.close();
    },
  );
});
