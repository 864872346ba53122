/**
 * `npm run sbom [-- FILE]`: the bill of materials of the package (CycloneDX), into a file or on standard output: what the
 * tarball brings along, and what is bundled into the dashboard. Needs no registry: all of it is in the lock file.
 */
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { z } from "zod";
import { shippedPackages } from "./shipped-packages.ts";

const bill = z.looseObject({
  metadata: z.looseObject({ component: z.looseObject({ "bom-ref": z.string() }) }),
  components: z.array(
    z.looseObject({ "bom-ref": z.string(), name: z.string(), version: z.string() }),
  ),
  dependencies: z.array(z.looseObject({ ref: z.string(), dependsOn: z.array(z.string()) })),
});

const whole = listed();
// npm's own `--omit dev` leaves out what the program and a tool of the development both need.
const shipped = new Set(shippedPackages().map(({ name, version }) => `${name}@${version}`));
const components = whole.components.filter(({ name, version }) =>
  shipped.has(`${name}@${version}`),
);
const refs = new Set([whole.metadata.component, ...components].map((one) => one["bom-ref"]));
const dependencies = whole.dependencies
  .filter(({ ref }) => refs.has(ref))
  .map((one) => ({ ...one, dependsOn: one.dependsOn.filter((ref) => refs.has(ref)) }));
const text = `${JSON.stringify({ ...whole, components, dependencies }, null, 2)}\n`;
const [file] = process.argv.slice(2);
if (file === undefined) process.stdout.write(text);
else writeFileSync(file, text);

function listed(): z.output<typeof bill> {
  const parent = mkdtempSync(join(tmpdir(), "eim-pxe-sbom-"));
  // npm takes the folder's name for the program's.
  const folder = join(parent, "eim-pxe");
  mkdirSync(folder);
  try {
    // npm takes an overridden package that is bundled for a wrong one.
    const manifest: object = JSON.parse(readFileSync("package.json", "utf8"));
    writeFileSync(
      join(folder, "package.json"),
      JSON.stringify({ ...manifest, bundleDependencies: [] }),
    );
    copyFileSync("package-lock.json", join(folder, "package-lock.json"));
    const args = [
      "sbom",
      "--sbom-format",
      "cyclonedx",
      "--sbom-type",
      "application",
      "--package-lock-only",
    ];
    const out = execFileSync("npm", args, {
      cwd: folder,
      encoding: "utf8",
      maxBuffer: 64 * 1024 * 1024,
    });
    return bill.parse(JSON.parse(out));
  } finally {
    rmSync(parent, { recursive: true });
  }
}
