import type { AssetsReply } from "../../api/artifacts.ts";
import { moment, size } from "../view/format.ts";
import { usePage } from "../view/hooks.ts";
import { Table } from "../view/table.tsx";
import { Card } from "./site-page.tsx";

/** The command line and the API tell of more. */
const shown = 100;

/** The site's own files that machines can fetch. */
export function Assets({ assets }: { assets: AssetsReply }) {
  const { words: texts } = usePage();
  const { directory, files, more, listed, passedOver, problem } = assets;
  const rows = listed.slice(0, shown);
  return (
    <Card title={texts.site.assets}>
      <p>
        <code>{directory}</code>: {problem === null && texts.site.assetFiles(files, more)}
        {problem !== null && <span class="bad">{problem}</span>}
      </p>
      {rows.length > 0 && (
        <Table
          label={texts.site.assets}
          heads={[texts.site.assetFile, texts.site.size, texts.site.assetChanged]}
        >
          {rows.map((one) => (
            <tr key={one.path}>
              <th scope="row">
                <code>{one.path}</code>
              </th>
              <td>{size(one.size)}</td>
              <td>{moment(one.modifiedAt, texts.language)}</td>
            </tr>
          ))}
        </Table>
      )}
      {files > rows.length && <p>{texts.site.assetsMore(files - rows.length)}</p>}
      {passedOver.map(({ path, why }) => (
        <p key={path}>
          <span class="bad">{texts.site.assetUnserved}</span>: <code>{path}</code>: {why}
        </p>
      ))}
    </Card>
  );
}
