import { useState } from "preact/hooks";
import type { SiteReply } from "../../api/site.ts";
import { api } from "../data/api.ts";
import { messageOf, useAsked, usePage } from "../view/hooks.ts";
import { Table } from "../view/table.tsx";
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
        <Table label={texts.site.others} heads={[other.server, other.on, other.does, other.heard]}>
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
        </Table>
      )}
      <Settings site={site} />
    </Card>
  );
}

/** What to paste into the other server. */
function Settings({ site }: { site: SiteReply }) {
  const { words: texts, say } = usePage();
  const [kind, setKind] = useState("");
  const [link, setLink] = useState(site.links[0]?.interface ?? "");
  const { value, failed } = useAsked(
    () => (kind === "" ? Promise.resolve(null) : api.otherServer(kind, link)),
    `${kind} ${link}`,
  );
  return (
    <>
      <h3>{texts.site.settingsFor}</h3>
      <p class="help">{texts.site.settingsHelp}</p>
      <div class="buttons">
        <label>
          {texts.site.program}{" "}
          <select value={kind} onChange={(event) => setKind(event.currentTarget.value)}>
            <option value="">{texts.site.choose}</option>
            {Object.entries(texts.site.programs).map(([name, text]) => (
              <option key={name} value={name}>
                {text}
              </option>
            ))}
          </select>
        </label>
        {site.links.length > 1 && (
          <label>
            {texts.site.onLink}{" "}
            <select value={link} onChange={(event) => setLink(event.currentTarget.value)}>
              {site.links.map((one) => (
                <option key={one.interface}>{one.interface}</option>
              ))}
            </select>
          </label>
        )}
      </div>
      {failed !== null && <p class="bad">{failed}</p>}
      {/* Where there are none, those of another program or link would be pasted. */}
      {value !== null && failed === null && (
        <>
          <pre class="paste" tabIndex={0} aria-label={texts.site.settingsFor}>
            {value.text}
          </pre>
          {/* Browsers let a page copy only over HTTPS, and on the server itself. */}
          {isSecureContext && (
            <button
              type="button"
              onClick={() =>
                void navigator.clipboard.writeText(value.text).then(
                  () => say(texts.actions.copied),
                  (thrown: unknown) => say(messageOf(thrown), "bad"),
                )
              }
            >
              {texts.actions.copy}
            </button>
          )}
        </>
      )}
    </>
  );
}
