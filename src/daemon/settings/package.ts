import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder of the package that this file was installed with, or of the checkout. */
export function packageFolder(): string {
  return fileURLToPath(new URL("../../../", import.meta.url));
}

export function packageVersion(): string {
  const text = readFileSync(`${packageFolder()}package.json`, "utf8");
  return /"version":\s*"([^"]+)"/.exec(text)?.[1] ?? "unknown";
}

/** Where `npm run build` puts the dashboard; null where it was not run. */
export function dashboardFolder(): string | null {
  const folder = `${packageFolder()}dist/dashboard`;
  return existsSync(`${folder}/index.html`) ? folder : null;
}
