import { shippedPackages } from "../../../scripts/shipped-packages.ts";
import { table } from "./parts.ts";

/* The licences of everything that the package brings along, from the lock file. */

/** Those that allow redistribution with nothing but a notice. */
export const allowedLicences: readonly string[] = [
  "0BSD",
  "Apache-2.0",
  "BlueOak-1.0.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "ISC",
  "MIT",
  // Gives up all rights, and asks for no notice.
  "Unlicense",
];

/** Their `package.json` names the licence, and their makers published no text of it. */
export const packagesWithoutText: readonly string[] = [
  "abstract-logging",
  "postgres",
  "proxy-agent-negotiate",
];

export function licencesPage(): string {
  const packages = shippedPackages();
  // One of them is installed: that of the machine.
  const shown = packages.filter(({ name }) => !name.startsWith("@koromix/koffi-"));
  const places = {
    package: "in the package",
    dashboard: "in the dashboard's script",
    optional: "fetched at the installation, if it can be",
  } as const;
  const counts = allowedLicences
    .map((licence) => [licence, packages.filter((one) => one.licence === licence).length] as const)
    .filter(([, count]) => count > 0);
  return `# Licences

eim-pxe is under Apache-2.0 (\`LICENSE\` in the package). What it is made of, and what the package brings along, is under licences that
allow everybody to use it and to pass it on, as long as their notices stay: ${counts.map(([licence, count]) => `${licence} (${count})`).join(", ")}.
The text of each stands in its folder under \`node_modules\` of the package (of ${packagesWithoutText.map((name) => `\`${name}\``).join(", ")} only its name, as
their makers published them), and for the dashboard in \`dist/dashboard/assets/licences.txt\`.

iPXE, the loader, is under the GPL (version 2) and not part of the package: it comes from the distribution's package \`ipxe\`, or with the
[container image](container.md#loaders-and-their-licence), which says where its source is. The Micro-OS comes from the orchestrator.

\`npm run sbom\` in the sources prints all of this as a bill of materials (CycloneDX); each release has it as a file.

${table(
  ["package", "version", "licence", ""],
  shown.map(({ name, version, licence, where }) => [`\`${name}\``, version, licence, places[where]]),
)}
| \`@koromix/koffi-…\` | as \`koffi\` | MIT | the one of this machine, with \`koffi\` |
`;
}
