import type { BootReply } from "../../api/boots.ts";
import { duration, rate, size } from "../view/format.ts";
import { usePage, useShown } from "../view/hooks.ts";

/** The steps of a boot to scale, with what is usual at this site. */
export function Timeline({ boot }: { boot: BootReply }) {
  const { words: texts } = usePage();
  const { site } = useShown();
  const usual = new Map(site?.medians.map(({ stage, afterMs }) => [stage, afterMs]));
  const wholeMs = Math.max(
    1,
    boot.durationMs,
    ...boot.steps.map(({ stage }) => usual.get(stage) ?? 0),
  );
  const share = (ms: number) => `${(100 * Math.min(ms, wholeMs)) / wholeMs}%`;
  return (
    <section class="card">
      <h2>{texts.machine.timeline}</h2>
      <p class="help">{texts.machine.timelineHelp}</p>
      <div class="scroll" tabIndex={0} role="region" aria-label={texts.machine.timeline}>
        <table class="timeline">
          <thead>
            <tr>
              <th scope="col">{texts.machine.steps.step}</th>
              <th scope="col" class="chart" aria-hidden="true" />
              <th scope="col">{texts.machine.steps.at}</th>
              <th scope="col">{texts.machine.steps.usual}</th>
              <th scope="col">{texts.machine.steps.detail}</th>
            </tr>
          </thead>
          <tbody>
            {boot.steps.map((step, index) => {
              const fromMs = boot.steps[index - 1]?.afterMs ?? 0;
              const usualMs = usual.get(step.stage);
              return (
                <tr key={step.stage} class={step.certainty === "proved" ? "" : "unproved"}>
                  <th scope="row">
                    {step.stage}
                    {step.certainty !== "proved" && (
                      <small class="certainty"> {texts.certainty[step.certainty]}</small>
                    )}
                  </th>
                  <td class="chart" aria-hidden="true">
                    <span class="lane">
                      {" "}
                      <span
                        class="took"
                        style={{
                          left: share(fromMs),
                          width: share(Math.max(step.afterMs - fromMs, wholeMs / 400)),
                        }}
                      />
                      {usualMs !== undefined && (
                        <span class="usual" style={{ left: share(usualMs) }} />
                      )}
                    </span>{" "}
                  </td>
                  <td>{duration(step.afterMs)}</td>
                  <td>{usualMs === undefined ? "–" : duration(usualMs)}</td>
                  <td>{detailOf(step)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function detailOf({ detail, count }: BootReply["steps"][number]): string {
  const { file, bytes, bytesPerSecond, percent, boots, way, retransmissions } = detail;
  return [
    count > 1 ? `${count} ×` : null,
    file,
    typeof bytes === "number" ? size(bytes) : null,
    typeof percent === "number" ? `${Math.floor(percent)} %` : null,
    typeof bytesPerSecond === "number" ? rate(bytesPerSecond) : null,
    typeof retransmissions === "number" && retransmissions > 0
      ? `${retransmissions} retransmissions`
      : null,
    boots,
    way,
  ]
    .filter((one) => one != null && one !== "")
    .join(" · ");
}
