import { useState } from "preact/hooks";
import type { SiteReply } from "../../api/site.ts";
import { api } from "../data/api.ts";
import { moment, rate, size } from "../view/format.ts";
import { messageOf, useAsked, usePage } from "../view/hooks.ts";
import { Table } from "../view/table.tsx";
import { Assets } from "./assets.tsx";
import { Loaders } from "./loaders.tsx";
import { Card, Since, Until } from "./site-page.tsx";

/** The mirror: where it comes from, its generations, and going back to an earlier one. */
export function Mirror({ site }: { site: SiteReply }) {
  const { words: texts, session, say, store } = usePage();
  const mayChange = session.access === "write";
  const { value: artifacts, again } = useAsked(
    api.artifacts,
    `${site.generation?.id} ${site.pinned} ${site.origin?.lastSyncAt}`,
  );
  const [busy, setBusy] = useState(false);
  const act = async (work: () => Promise<string | null>) => {
    setBusy(true);
    try {
      const done = await work();
      if (done !== null) say(done);
    } catch (thrown) {
      say(messageOf(thrown), "bad");
    } finally {
      setBusy(false);
      store.refreshSite();
      again();
    }
  };
  const pin = (id: string | null) => act(() => api.pin(id).then(() => null));
  const { origin } = site;
  const generations = artifacts?.generations ?? [];
  return (
    <>
      <Card title={texts.site.mirror}>
        {origin !== null && (
          <dl class="facts-list">
            <div>
              <dt>{texts.site.origin}</dt>
              <dd>{origin.url}</dd>
            </div>
            <div>
              <dt>{texts.site.lastSync}</dt>
              <dd>
                {origin.lastSyncAt === null ? texts.site.never : <Since iso={origin.lastSyncAt} />}
              </dd>
            </div>
            {origin.certificateExpiresAt !== null && (
              <div>
                <dt>{texts.site.certificate}</dt>
                <dd>
                  <Until iso={origin.certificateExpiresAt} />
                </dd>
              </div>
            )}
            {origin.failure !== null && (
              <div>
                <dt class="bad">{texts.site.failure}</dt>
                <dd class="bad">{origin.failure.reason}</dd>
              </div>
            )}
          </dl>
        )}
        {origin?.progress != null && <SyncProgress progress={origin.progress} />}
        {mayChange && (
          <div class="buttons">
            {origin !== null && (
              <button
                type="button"
                class="main"
                disabled={busy || origin.state === "asking"}
                onClick={() => void act(() => api.sync().then(() => null))}
              >
                {origin.state === "asking" ? `${texts.site.syncing} …` : texts.site.sync}
              </button>
            )}
            <button
              type="button"
              disabled={busy}
              onClick={() =>
                void act(async () => {
                  const { damaged } = await api.verify();
                  const found = Object.entries(damaged).map(([id, what]) => `${id}: ${what}`);
                  if (found.length > 0) throw new Error(found.join("; "));
                  return texts.site.verified;
                })
              }
            >
              {texts.site.verify}
            </button>
            {site.pinned !== null && (
              <button type="button" disabled={busy} onClick={() => void pin(null)}>
                {texts.site.unpin}
              </button>
            )}
          </div>
        )}
        {site.pinned !== null && <p class="help">{texts.site.pinnedHelp}</p>}
        {generations.length === 0 ? (
          <p>{texts.site.noGenerations}</p>
        ) : (
          <Table
            label={texts.site.generation}
            heads={[texts.site.generation, texts.site.from, texts.site.size, null]}
          >
            {generations.map((one, index) => (
              <tr key={one.id}>
                <th scope="row">
                  <code>{one.id}</code>
                </th>
                <td>{moment(one.manifest.createdAt, texts.language)}</td>
                <td>{size(one.manifest.files.reduce((sum, file) => sum + file.size, 0))}</td>
                <td>
                  {one.current && <strong class="good">{texts.site.current}</strong>}{" "}
                  {site.pinned === one.id && texts.site.pinned}
                  {mayChange && !one.current && (
                    <button type="button" disabled={busy} onClick={() => void pin(one.id)}>
                      {index === 0 ? texts.site.use : texts.site.rollback}
                    </button>
                  )}
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Card>
      {artifacts !== null && <Loaders loaders={artifacts.loaders} />}
      {artifacts?.assets != null && <Assets assets={artifacts.assets} />}
    </>
  );
}

type Progress = NonNullable<NonNullable<SiteReply["origin"]>["progress"]>;

function SyncProgress({ progress }: { progress: Progress }) {
  const { words: texts } = usePage();
  const { file, bytes, total, bytesPerSecond } = progress;
  return (
    <p>
      <label>
        {texts.site.syncing} {file}: {size(bytes)}
        {total !== null && ` / ${size(total)}`}, {rate(bytesPerSecond)}{" "}
        <progress value={bytes} max={total ?? undefined} />
      </label>
    </p>
  );
}
