import type { ComponentChildren } from "preact";
import type { SiteReply } from "../../api/site.ts";
import { day, duration, moment, size } from "../view/format.ts";
import { useNow, usePage, useShown } from "../view/hooks.ts";
import { Table } from "../view/table.tsx";
import { Mirror } from "./mirror.tsx";
import { OtherServers } from "./other-servers.tsx";
import { HoursPlot, MediansPlot } from "./plots.tsx";
import { CodeBox } from "../view/code-box.tsx";

/** The site: links, other servers, the mirror, how long boots take. */
export function SitePage() {
  const { words: texts } = usePage();
  const { site } = useShown();
  if (site === null) return <p class="empty">{texts.loading} …</p>;
  return (
    <>
      <h1>{texts.nav.site}</h1>
      <div class="columns">
        <Links site={site} />
        <OtherServers site={site} />
      </div>
      <Mirror site={site} />
      <div class="columns">
        <Card title={texts.site.medians}>
          {site.medians.length === 0 ? (
            <p>{texts.site.mediansNone}</p>
          ) : (
            <MediansPlot site={site} />
          )}
        </Card>
        <Card title={texts.site.perHour}>
          <HoursPlot site={site} />
        </Card>
      </div>
      <div class="columns">
        <CodeBox />
        <Host site={site} />
      </div>
    </>
  );
}

export function Card({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="card">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Links({ site }: { site: SiteReply }) {
  const { words: texts } = usePage();
  const { link } = texts.site;
  return (
    <Card title={texts.site.links}>
      {site.links.length === 0 ? (
        <p>{texts.site.noLinks}</p>
      ) : (
        <Table label={texts.site.links} heads={[link.name, link.address, link.mode, link.state]}>
          {site.links.map((one) => (
            <tr key={one.interface}>
              <th scope="row">{one.interface}</th>
              <td>{one.address ?? "–"}</td>
              <td>{texts.site.modes[one.mode]}</td>
              <td class={one.served ? "good" : "bad"}>
                {one.served ? texts.site.served : one.reason}
              </td>
            </tr>
          ))}
        </Table>
      )}
      {site.leader !== null && (
        <p>
          {site.leader.leading
            ? texts.site.leading(site.leader.lease)
            : texts.site.following(site.leader.leader ?? "–", site.leader.lease)}
        </p>
      )}
    </Card>
  );
}

function Host({ site }: { site: SiteReply }) {
  const { words: texts } = usePage();
  return (
    <Card title={texts.site.version}>
      <dl class="facts-list">
        <div>
          <dt>eim-pxe</dt>
          <dd>{site.version}</dd>
        </div>
        {site.disk !== null && (
          <div>
            <dt>{texts.site.disk}</dt>
            <dd>
              {size(site.disk.freeBytes)} / {size(site.disk.totalBytes)} (
              <code>{site.disk.folder}</code>)
            </dd>
          </div>
        )}
      </dl>
    </Card>
  );
}

/** How long ago, as people say it. */
export function Since({ iso }: { iso: string }) {
  const { words: texts } = usePage();
  const ms = useNow() - Date.parse(iso);
  return (
    <time dateTime={iso} title={moment(iso, texts.language)}>
      {ms < 5000 ? texts.machines.justNow : texts.machines.since(duration(ms))}
    </time>
  );
}

/** A day to come; what is near is said loudly. */
export function Until({ iso }: { iso: string }) {
  const { words: texts } = usePage();
  const near = Date.parse(iso) - useNow() < 30 * 86_400_000;
  return (
    <time class={near ? "bad" : ""} dateTime={iso}>
      {day(iso, texts.language)}
    </time>
  );
}
