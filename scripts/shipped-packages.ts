import { readFileSync } from "node:fs";
import { z } from "zod";

/* What the package brings along, by the lock file: for its licences and its bill of materials. */

/** What `build-dashboard.ts` bundles into the page, so that it is shipped without being a dependency. */
export const dashboardPackages: readonly string[] = ["@tanstack/virtual-core", "preact", "uplot"];

export interface ShippedPackage {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** Where a user has it. */
  readonly where: "package" | "dashboard" | "optional";
}

const lock = z.object({
  packages: z.record(
    z.string(),
    z.looseObject({
      version: z.string().optional(),
      license: z.string().default("none"),
      dev: z.boolean().default(false),
      optional: z.boolean().default(false),
    }),
  ),
});

/** What users get with the package, by name; each version once. */
export function shippedPackages(): readonly ShippedPackage[] {
  const { packages } = lock.parse(JSON.parse(readFileSync("package-lock.json", "utf8")));
  const all = Object.entries(packages).flatMap(([path, one]): ShippedPackage[] => {
    const name = path.replace(/^.*node_modules\//, "");
    const inDashboard = one.dev && dashboardPackages.includes(path.replace(/^node_modules\//, ""));
    if (path === "" || (one.dev && !inDashboard)) return [];
    const where = inDashboard ? "dashboard" : one.optional ? "optional" : "package";
    return [{ name, version: one.version ?? "", licence: one.license, where }];
  });
  const once = new Map(all.map((one) => [`${one.name}@${one.version}`, one]));
  return [...once.values()].toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
