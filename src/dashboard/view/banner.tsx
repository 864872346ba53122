import { stoppedOutside } from "../data/machine.ts";
import { moment } from "./format.ts";
import { usePage, useShown } from "./hooks.ts";

/** "Is it our side or mine?": whether a machine could boot now, always in sight. */
export function Banner() {
  const { words: texts, store } = usePage();
  const { site, machines, away } = useShown();
  if (away) {
    return (
      <p class="banner no" role="alert">
        <span aria-hidden="true">■ </span>
        {texts.banner.away(site === null ? null : moment(site.now, texts.language))}
      </p>
    );
  }
  if (site === null) return <p class="banner">{texts.banner.asking} …</p>;
  const lines = site.ready ? site.unserved : site.reasons;
  if (site.ready && lines.length === 0) {
    const stopped = stoppedOutside(machines.values(), store.nowMs());
    return (
      <p class="banner yes">
        <span aria-hidden="true">✔ </span>
        {stopped === 0 ? texts.banner.yes : texts.banner.readyBut}
        {stopped > 0 && <span class="but"> {texts.banner.stopped(stopped)}</span>}
      </p>
    );
  }
  return (
    <div class={`banner ${site.ready ? "partly" : "no"}`} role="alert">
      <strong>
        <span aria-hidden="true">■ </span>
        {site.ready ? texts.banner.partly : texts.banner.no}:
      </strong>
      <ul>
        {lines.map((line) => (
          <li key={line}>{line}</li>
        ))}
      </ul>
    </div>
  );
}
