import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Browser } from "playwright-core";
import { z } from "zod";
import { chromiumPath, openBrowser, watchedPage } from "../support/browser.ts";
import { adminUrl } from "./eim-pxe.ts";
import type { Site } from "./site.ts";

/** The dashboard of a site in the lab, open in a browser from before its machines boot. */
export interface LiveDashboard {
  /** Waits until the page shows the machine as up; gives the words that it stood at, in the order in which the page showed them. */
  readonly wordsUntilUp: (mac: string) => Promise<readonly string[]>;
  /** What should not be: errors, requests to other hosts, a second loading of the page. */
  readonly complaints: () => readonly string[];
  readonly close: () => Promise<void>;
}

/** Notes in the page, whenever it changes, at which word each machine stands. */
const watchRows = `
window.shown = {};
new MutationObserver(() => {
  for (const row of document.querySelectorAll(".row")) {
    const mac = row.querySelector(".title code")?.textContent ?? "";
    const words = (window.shown[mac] ??= []);
    const word = row.querySelector(".track > [aria-current] .word");
    const text = word?.firstChild?.textContent ?? "";
    if (text !== "" && words.at(-1) !== text) words.push(text);
  }
}).observe(document, { subtree: true, childList: true, characterData: true, attributes: true });
`;

/** Opens it in the site's network namespace, which the admin port is reached in alone. */
export async function openDashboard(site: Site): Promise<LiveDashboard> {
  const browserPath = join(site.folder, "chromium");
  const command = site.network.inside(chromiumPath).join(" ");
  await writeFile(browserPath, `#!/bin/sh\nexec ${command} "$@"\n`);
  await chmod(browserPath, 0o755);
  const browser: Browser = await openBrowser(browserPath);
  const context = await browser.newContext();
  const { page, complaints } = await watchedPage(context, adminUrl);
  await page.addInitScript(watchRows);
  await page.goto(`${adminUrl}/`);
  await page.getByText("No machine has asked yet").waitFor();
  page.on("framenavigated", (frame) => complaints.push(`loaded ${frame.url()} again`));
  return {
    wordsUntilUp: async (mac) => {
      const row = page.getByRole("article").filter({ hasText: mac });
      await row.locator(".status.up").waitFor();
      const shown = z.record(z.string(), z.array(z.string()));
      return shown.parse(await page.evaluate("window.shown"))[mac] ?? [];
    },
    complaints: () => complaints,
    close: () => browser.close(),
  };
}
