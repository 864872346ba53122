import type { BootReply } from "../../api/boots.ts";
import { type Machine, statusOf } from "../data/machine.ts";
import { duration, factInWords, moment, namesSetting, sentence, withOwn } from "../view/format.ts";
import { useNow, usePage, useShown } from "../view/hooks.ts";
import { Track } from "../view/track.tsx";

/** The first thing that a person reads: how far, and if it stopped, why and what to do. */
export function Verdict({ machine, boot }: { machine: Machine; boot: BootReply | null }) {
  const { words: texts, session } = usePage();
  const now = useNow();
  const { site } = useShown();
  if (boot === null) return null;
  const { diagnosis, status } = boot;
  const mayAllow =
    session.access === "write" && (statusOf(machine) === "waiting" || status === "denied");
  const hasToTryAgain = status === "stalled" || status === "denied";
  const addresses = (site?.links ?? []).flatMap(({ address }) => address ?? []);
  const said = (text: string) => sentence(withOwn(text, addresses, texts.machine.thisServer));
  const usual = site?.medians.find(({ stage }) => stage === "micro-os");
  return (
    <section class={`card verdict ${status}`} aria-live="polite">
      <Track boot={boot} />
      {diagnosis === null ? (
        // What counts the seconds would be read aloud each second.
        <p class="fine" aria-live={status === "booting" ? "off" : undefined}>
          {status === "booting"
            ? `${texts.machine.fine.booting} ${duration(Math.max(0, now - Date.parse(boot.startedAt)))}`
            : status === "up" || status === "local"
              ? texts.machine.fine[status]
              : texts.status[status]}
          {usual !== undefined &&
            status === "booting" &&
            ` · ${texts.machines.usually(duration(usual.afterMs))}`}
          <Pace boot={boot} />
        </p>
      ) : (
        <dl class="diagnosis">
          <dt>{texts.machine.cause}</dt>
          <dd class="cause">
            {said(diagnosis.cause)}
            {diagnosis.certainty !== "proved" && (
              <span class="certainty"> ({texts.certainty[diagnosis.certainty]})</span>
            )}
          </dd>
          <dt>{texts.machine.remedy}</dt>
          <dd class="remedy">
            {mayAllow && <strong>{texts.machine.allowHere} </strong>}
            {said(mayAllow ? texts.machine.allowElse(diagnosis.remedy) : diagnosis.remedy)}
            {site !== null && namesSetting(diagnosis.remedy) && (
              <small class="settings">{texts.machine.settings(site.configFile)}</small>
            )}
          </dd>
          <dt>{texts.machine.who}</dt>
          <dd>
            {diagnosis.who === "network" && namesSetting(diagnosis.remedy)
              ? texts.machine.whoSets(texts.who.network)
              : texts.who[diagnosis.who]}
          </dd>
          {hasToTryAgain && (
            <>
              <dt>{texts.actions.retry}</dt>
              <dd class="again">{texts.actions.retryHelp}</dd>
            </>
          )}
          <dt>{texts.machine.when}</dt>
          <dd>
            {texts.machine.happened(
              moment(boot.startedAt, texts.language),
              moment(boot.updatedAt, texts.language),
            )}
          </dd>
          {diagnosis.onScreen.length > 0 && (
            <>
              <dt>{texts.machine.onScreen}</dt>
              <dd>
                {diagnosis.onScreen.map((code) => (
                  <code key={code} class="screen">
                    {code}
                  </code>
                ))}
              </dd>
            </>
          )}
          {diagnosis.evidence.length > 0 && (
            <>
              <dt>
                {texts.machine.evidence} <small>({texts.machine.evidenceHelp})</small>
              </dt>
              <dd>
                <ul>
                  {diagnosis.evidence.map((line) => (
                    <li key={line}>
                      {withOwn(
                        factInWords(line, texts.stages),
                        addresses,
                        texts.machine.thisServer,
                      )}
                    </li>
                  ))}
                </ul>
              </dd>
            </>
          )}
        </dl>
      )}
      {boot.registration?.reason != null && (
        <p class="late">
          {sentence(boot.registration.reason)}
          {boot.registration.remedy !== null && ` ${sentence(boot.registration.remedy)}`}
        </p>
      )}
      {diagnosis === null && hasToTryAgain && (
        <p>
          {mayAllow && <strong>{texts.machine.allowHere} </strong>}
          {texts.actions.retry}: {texts.actions.retryHelp}
        </p>
      )}
    </section>
  );
}

/** Whether to wait or to act. */
function Pace({ boot: { status, expected } }: { boot: BootReply }) {
  const { words: texts } = usePage();
  if (status !== "booting" || expected === null) return null;
  const usual = duration(expected.usualMs);
  return (
    <span class={expected.isLate ? "pace late" : "pace"}>
      {" "}
      {expected.isLate
        ? texts.machine.late(duration(expected.elapsedMs), usual)
        : texts.machine.inTime(usual)}
    </span>
  );
}
