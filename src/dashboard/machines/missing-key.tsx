import { api, type BootDetail } from "../data/api.ts";
import { keyOf } from "../site/loaders.tsx";
import { useAsked, usePage } from "../view/hooks.ts";

/** Where firmware refuses a loader: by whose key each one that it was given is signed, which is the key that it lacks. */
export function MissingKey({ boot }: { boot: BootDetail }) {
  const { words: texts } = usePage();
  const isRefused = boot.diagnosis?.code === "loader-refused";
  const loaders = useAsked(
    () => (isRefused ? api.artifacts() : Promise.resolve(null)),
    `${boot.id} ${isRefused}`,
  ).value?.loaders;
  const given = new Set(boot.given.map(({ file }) => file));
  const refused = loaders?.filter(({ name }) => given.has(name)) ?? [];
  if (!isRefused || refused.length === 0) return null;
  return (
    <section class="card">
      <h2>{texts.machine.missingKey}</h2>
      <dl class="facts-list">
        {refused.map((one) => (
          <div key={one.path}>
            <dt>{one.name}</dt>
            <dd>{keyOf(one, texts)}</dd>
          </div>
        ))}
      </dl>
      <p class="help">{texts.site.keyHelp}</p>
    </section>
  );
}
