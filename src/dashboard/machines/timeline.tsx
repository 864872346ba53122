import type { BootReply } from "../../api/boots.ts";
import { duration, rate, size } from "../view/format.ts";
import { useNow, usePage, useShown } from "../view/hooks.ts";
import { Chart, Table } from "../view/table.tsx";
import type { Words } from "../words.ts";

type Step = BootReply["steps"][number];
type Stage = BootReply["stage"];

/** A shorter boot is not stretched over the whole width. */
const shortestScaleMs = 5000;

/** The steps of a boot to scale, with what is usual at this site, also of those that are still to come. */
export function Timeline({ boot }: { boot: BootReply }) {
  const { words: texts } = usePage();
  const { site } = useShown();
  const nowMs = useNow();
  const medians = site?.medians ?? [];
  const usual = new Map(medians.map(({ stage, afterMs }) => [stage, afterMs]));
  const runsMs =
    boot.status === "booting" ? Math.max(0, nowMs - Date.parse(boot.startedAt)) : boot.durationMs;
  const wholeMs = Math.max(shortestScaleMs, runsMs, ...usual.values());
  const share = (ms: number) => `${(100 * Math.min(ms, wholeMs)) / wholeMs}%`;
  const mark = (stage: Stage) => {
    const usualMs = usual.get(stage);
    return usualMs === undefined ? null : (
      <span class="usual" style={{ left: share(usualMs), transform: "translateX(-50%)" }} />
    );
  };
  const usually = (stage: Stage) => {
    const usualMs = usual.get(stage);
    return usualMs === undefined ? "–" : duration(usualMs);
  };
  const last = medians.findIndex(({ stage }) => stage === boot.steps.at(-1)?.stage);
  const toCome = boot.status === "up" || last < 0 ? [] : medians.slice(last + 1);
  const { step, took, at, detail } = texts.machine.steps;
  // Before a machine came up here nothing is usual.
  const hasUsual = usual.size > 0;
  return (
    <section class="card">
      <h2>{texts.machine.timeline}</h2>
      <p class="help">
        {texts.machine.timelineHelp}
        {hasUsual && ` ${texts.machine.timelineUsual}`}
      </p>
      <Table
        label={texts.machine.timeline}
        kind="timeline"
        heads={[step, null, at, ...(hasUsual ? [texts.machine.steps.usual] : []), took, detail]}
      >
        {boot.steps.map((one, index) => {
          const fromMs = boot.steps[index - 1]?.afterMs ?? 0;
          const tookMs = Math.max(0, one.afterMs - fromMs);
          return (
            <tr key={one.stage} class={one.certainty === "proved" ? "" : "unproved"}>
              <th scope="row">
                <StageName stage={one.stage} />
                {one.certainty !== "proved" && (
                  <small class="certainty"> {texts.certainty[one.certainty]}</small>
                )}
              </th>
              <Chart>
                <span
                  class="took"
                  style={{ left: share(fromMs), width: share(Math.max(tookMs, wholeMs / 400)) }}
                />
                {mark(one.stage)}
              </Chart>
              <td>{duration(one.afterMs)}</td>
              {hasUsual && <td>{usually(one.stage)}</td>}
              <td>{duration(tookMs)}</td>
              <td>{detailOf(one, texts)}</td>
            </tr>
          );
        })}
        {toCome.map(({ stage }) => (
          <tr key={stage} class="to-come">
            <th scope="row">
              <StageName stage={stage} />
            </th>
            <Chart>{mark(stage)}</Chart>
            <td>{texts.notReached}</td>
            <td>{usually(stage)}</td>
            <td />
            <td />
          </tr>
        ))}
      </Table>
    </section>
  );
}

/** A stage in words, and as the log and the API call it. */
export function StageName({ stage }: { stage: Stage }) {
  const { words: texts } = usePage();
  return (
    <>
      {texts.stages[stage]} <code class="as-in-log">{stage}</code>
    </>
  );
}

function detailOf({ detail, count }: Step, texts: Words): string {
  const { file, bytes, bytesPerSecond, percent, boots, way, retransmissions } = detail;
  return [
    count > 1 ? `${count} ×` : null,
    file,
    typeof bytes === "number" ? size(bytes) : null,
    typeof percent === "number" ? `${Math.floor(percent)} %` : null,
    typeof bytesPerSecond === "number" ? rate(bytesPerSecond) : null,
    typeof retransmissions === "number" && retransmissions > 0
      ? texts.machine.retransmissions(retransmissions)
      : null,
    boots,
    way,
  ]
    .filter((one) => one != null && one !== "")
    .join(" · ");
}
