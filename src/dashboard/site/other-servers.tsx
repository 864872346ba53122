import type { SiteReply } from "../../api/site.ts";
import { usePage } from "../view/hooks.ts";
import { Card, Since } from "./site-page.tsx";

/** Other DHCP and PXE servers that were heard, and what they do. */
export function OtherServers({ site }: { site: SiteReply }) {
  const { words: texts } = usePage();
  const { other } = texts.site;
  return (
    <Card title={texts.site.others}>
      {site.otherServers.length === 0 ? (
        <p>{texts.site.othersNone}</p>
      ) : (
        <div class="scroll" tabIndex={0} role="region" aria-label={texts.site.others}>
          <table>
            <thead>
              <tr>
                <th scope="col">{other.server}</th>
                <th scope="col">{other.on}</th>
                <th scope="col">{other.does}</th>
                <th scope="col">{other.heard}</th>
              </tr>
            </thead>
            <tbody>
              {site.otherServers.map((one) => (
                <tr key={`${one.interface} ${one.server}`}>
                  <th scope="row">{one.server}</th>
                  <td>{one.interface}</td>
                  <td>
                    {[
                      one.givesAddresses ? texts.site.gives : null,
                      one.answersPxe ? texts.site.pxe : null,
                    ]
                      .filter((text) => text !== null)
                      .join("; ")}
                  </td>
                  <td>
                    <Since iso={one.lastHeardAt} />
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
