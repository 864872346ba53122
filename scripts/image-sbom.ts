/**
 * Prints what is in the container image as CycloneDX: the package's own bill of materials (the first argument, as
 * `npm run sbom` writes it), and beside it Node, Debian's packages (dpkg's status file, the second) and iPXE's
 * loaders (the file that says which version they are, the third).
 */
import { readFileSync } from "node:fs";
import { z } from "zod";
import { debianComponents, ipxeComponent, nodeComponent } from "./sbom-components.ts";

const [program = "", status = "", ipxe = ""] = process.argv.slice(2);
const bill = z.looseObject({ components: z.array(z.unknown()) });
const own = bill.parse(JSON.parse(readFileSync(program, "utf8")));
const components = [
  ...own.components,
  nodeComponent(process.versions.node),
  ...debianComponents(readFileSync(status, "utf8")),
  ipxeComponent(readFileSync(ipxe, "utf8")),
];
process.stdout.write(`${JSON.stringify({ ...own, components }, null, 1)}\n`);
