import { execFileSync } from "node:child_process";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";

/** Where Debian has it. */
export const chromiumPath = "/usr/bin/chromium";

/** Only for a page that hangs: a busy machine may need many times what a quiet one does. */
const patienceMs = 120_000;

/** Bundles the dashboard, as `npm run build` does. */
export function buildDashboard(): void {
  execFileSync("npm", ["run", "--silent", "dashboard"]);
}

/** `executablePath`: for a browser that is started some other way, such as in a network namespace. */
export function openBrowser(executablePath = chromiumPath): Promise<Browser> {
  return chromium.launch({
    executablePath,
    timeout: patienceMs,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

/** A tab, and everything in it that should not be. */
export interface WatchedPage {
  readonly page: Page;
  /** Errors on the console, also of the content policy; thrown errors; requests to other hosts. */
  readonly complaints: string[];
}

/** Opens a tab that watches itself. `expected`: what the console may say, such as of a refused sign-in. */
export async function watchedPage(
  context: BrowserContext,
  origin: string,
  expected: RegExp = /^$/,
): Promise<WatchedPage> {
  const page = await context.newPage();
  page.setDefaultTimeout(patienceMs);
  const complaints: string[] = [];
  page.on("console", (message) => {
    const isBad = message.type() === "error" || message.type() === "warning";
    if (isBad && !expected.test(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.origin !== origin) complaints.push(`asked ${url.href}`);
  });
  return { page, complaints };
}
