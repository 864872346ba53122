import { usePage, useShown } from "./hooks.ts";

/** "Is it our side or mine?": whether a machine could boot now, always in sight. */
export function Banner() {
  const { words: texts } = usePage();
  const { site } = useShown();
  if (site === null) return <p class="banner">{texts.banner.asking} …</p>;
  const lines = site.ready ? site.unserved : site.reasons;
  if (site.ready && lines.length === 0) {
    return (
      <p class="banner yes">
        <span aria-hidden="true">✔ </span>
        {texts.banner.yes}
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
