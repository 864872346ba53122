import type { LoaderReply } from "../../api/artifacts.ts";
import { size } from "../view/format.ts";
import { usePage } from "../view/hooks.ts";
import { Table } from "../view/table.tsx";
import type { Words } from "../words.ts";
import { Card } from "./site-page.tsx";

/** The boot loaders that machines can be given, and by whose key a firmware with Secure Boot starts each. */
export function Loaders({ loaders }: { loaders: readonly LoaderReply[] }) {
  const { words: texts } = usePage();
  const { site } = texts;
  if (loaders.length === 0) return null;
  return (
    <Card title={site.loaders}>
      <Table
        label={site.loaders}
        heads={[site.loader, site.loaderFor, site.size, site.loaderSigned]}
      >
        {loaders.map((one) => (
          <tr key={one.path}>
            <th scope="row">
              <code title={one.path}>{one.name}</code>
            </th>
            <td>{[one.facts.format.toUpperCase(), one.facts.machine].filter(Boolean).join(" ")}</td>
            <td>{size(one.size)}</td>
            <td>{keyOf(one, texts)}</td>
          </tr>
        ))}
      </Table>
      <p class="help">{site.keyHelp}</p>
    </Card>
  );
}

/** Which key a firmware has to know to start it while Secure Boot is on. */
export function keyOf({ facts }: Pick<LoaderReply, "facts">, { site }: Words): string {
  if (facts.format === "bios") return site.keyBios;
  if (!facts.signed) return site.keyNone;
  return facts.signedBy.length === 0 ? site.keyUnread : facts.signedBy.join(", ");
}
