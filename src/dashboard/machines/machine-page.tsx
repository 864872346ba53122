import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { BootReply } from "../../api/boots.ts";
import { api, type BootDetail } from "../data/api.ts";
import { addressOf, labelOf, type Machine, nameOf, serialOf, statusOf } from "../data/machine.ts";
import { NameField, NetbootButtons, useChange } from "./actions.tsx";
import { CodeBox } from "../view/code-box.tsx";
import { duration, moment, sentence } from "../view/format.ts";
import { useAsked, useNow, usePage, useShown } from "../view/hooks.ts";
import { Packets } from "./packets.tsx";
import { Status } from "../view/status.tsx";
import { Timeline } from "./timeline.tsx";
import { Track } from "../view/track.tsx";

/** One machine: why it stopped first, then how its boot went, then everything else. */
export function MachinePage({ id }: { id: string }) {
  const { words: texts, store } = usePage();
  const { machines, loaded } = useShown();
  const machine = machines.get(id) ?? null;
  useEffect(() => {
    if (machine === null && loaded && id.includes(":")) void store.refresh(id).catch(() => {});
  }, [id, loaded]);
  const [chosen, setChosen] = useState<string | null>(null);
  useEffect(() => setChosen(null), [id]);
  const bootId = chosen ?? machine?.boot?.id ?? null;
  const latest = machine?.boot ?? null;
  // What is shown is asked again when the list says that it changed.
  const version = latest?.id === bootId ? `${latest?.updatedAt} ${latest?.status}` : "";
  const boot = useAsked(
    () => (bootId === null ? Promise.resolve(null) : api.boot(bootId)),
    `${bootId} ${version}`,
  ).value;

  if (machine === null) {
    return (
      <Frame>
        <p class="empty">{loaded ? texts.machine.unknown : `${texts.loading} …`}</p>
      </Frame>
    );
  }
  const isThis = boot !== null && boot.id === bootId;
  return (
    <Frame>
      <header class="machine-head">
        <h1>
          {nameOf(machine) ?? (labelOf(machine) === "" ? texts.machines.unnamed : labelOf(machine))}{" "}
          <code>{machine.key}</code>
        </h1>
        <Status status={statusOf(machine)} />
        <NetbootButtons machine={machine} />
      </header>
      <Verdict boot={isThis ? boot : latest} />
      {isThis && <Timeline boot={boot} />}
      <div class="columns">
        <FactsCard machine={machine} boot={isThis ? boot : null} />
        <CodeBox architecture={architectureOf(latest)} />
      </div>
      <EarlierBoots machine={machine} chosen={bootId} choose={setChosen} />
      {isThis && <Packets boot={boot} />}
      {isThis && <Events boot={boot} />}
    </Frame>
  );
}

function Frame({ children }: { children: ComponentChildren }) {
  const { words: texts } = usePage();
  return (
    <>
      <p class="back">
        <a href="#/">← {texts.machine.back}</a>
      </p>
      {children}
    </>
  );
}

/** The first thing that a person reads: how far, and if it stopped, why and what to do. */
function Verdict({ boot }: { boot: BootReply | null }) {
  const { words: texts } = usePage();
  const now = useNow();
  const { site } = useShown();
  if (boot === null) return null;
  const { diagnosis, status } = boot;
  const usual = site?.medians.find(({ stage }) => stage === "micro-os");
  return (
    <section class={`card verdict ${status}`} aria-live="polite">
      <Track boot={boot} />
      {diagnosis === null ? (
        <p class="fine">
          {status === "booting"
            ? `${texts.machine.fine.booting} ${duration(Math.max(0, now - Date.parse(boot.startedAt)))}`
            : status === "up" || status === "local"
              ? texts.machine.fine[status]
              : texts.status[status]}
          {usual !== undefined &&
            status === "booting" &&
            ` · ${texts.machines.usually(duration(usual.afterMs))}`}
        </p>
      ) : (
        <dl class="diagnosis">
          <dt>{texts.machine.cause}</dt>
          <dd class="cause">
            {sentence(diagnosis.cause)}
            {diagnosis.certainty !== "proved" && (
              <span class="certainty"> ({texts.certainty[diagnosis.certainty]})</span>
            )}
          </dd>
          <dt>{texts.machine.remedy}</dt>
          <dd class="remedy">{sentence(diagnosis.remedy)}</dd>
          <dt>{texts.machine.who}</dt>
          <dd>{texts.who[diagnosis.who]}</dd>
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
              <dt>{texts.machine.evidence}</dt>
              <dd>
                <ul>
                  {diagnosis.evidence.map((line) => (
                    <li key={line}>{line}</li>
                  ))}
                </ul>
              </dd>
            </>
          )}
        </dl>
      )}
      {(status === "stalled" || status === "denied") && (
        <details>
          <summary>{texts.actions.retry}</summary>
          <p>{texts.actions.retryHelp}</p>
        </details>
      )}
    </section>
  );
}

function FactsCard({ machine, boot }: { machine: Machine; boot: BootDetail | null }) {
  const { words: texts, session } = usePage();
  const { node } = machine;
  const latest = machine.boot;
  const { busy, change } = useChange(machine.key);
  const { fact } = texts.machine;
  const facts: readonly (readonly [string, string | null | undefined])[] = [
    [fact.mac, machine.key],
    [fact.serial, serialOf(machine)],
    [fact.uuid, latest?.uuid ?? node?.uuid],
    [fact.vendor, latest?.vendor],
    [fact.model, latest?.model],
    [fact.address, addressOf(machine)],
    [fact.link, latest?.interface],
    [
      fact.firmware,
      [latest?.firmware, latest?.architecture].filter((one) => one != null).join(", "),
    ],
    [fact.entry, node === null ? null : (node.denied ?? texts.machine.mayBoot)],
    [fact.way, node?.way],
  ];
  return (
    <section class="card">
      <h2>{texts.machine.facts}</h2>
      <NameField machine={machine} />
      <dl class="facts-list">
        {facts
          .filter(([, value]) => value != null && value !== "")
          .map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value}</dd>
            </div>
          ))}
      </dl>
      {session.access === "write" && node?.way != null && (
        <button
          type="button"
          disabled={busy}
          onClick={() => void change({ way: null }, texts.actions.forgotten)}
        >
          {texts.actions.forgetWay}
        </button>
      )}
      {boot !== null && boot.packets.length > 0 && (
        <p class="capture">
          <a href={api.captureUrl(boot.id, true)} download>
            {texts.actions.capture}
          </a>{" "}
          (
          <a href={api.captureUrl(boot.id, false)} download>
            {texts.actions.captureWhole}
          </a>
          )
          <br />
          <small>{texts.actions.captureHelp}</small>
        </p>
      )}
    </section>
  );
}

function EarlierBoots({
  machine,
  chosen,
  choose,
}: {
  machine: Machine;
  chosen: string | null;
  choose: (id: string) => void;
}) {
  const { words: texts } = usePage();
  const { boot, key } = machine;
  const boots = useAsked(
    () => (key.includes(":") ? api.boots({ mac: key, limit: "20" }) : Promise.resolve(null)),
    `${key} ${boot?.id} ${boot?.status}`,
  ).value?.boots;
  if (boots === undefined || boots.length === 0) return null;
  return (
    <section class="card">
      <h2>{texts.machine.earlier}</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label={texts.machine.earlier}>
        <table>
          <thead>
            <tr>
              <th scope="col">{texts.machine.began}</th>
              <th scope="col">{texts.machine.lasted}</th>
              <th scope="col">{texts.machine.ended}</th>
            </tr>
          </thead>
          <tbody>
            {boots.map((one) => (
              <tr key={one.id} class={one.id === chosen ? "chosen" : ""}>
                <td>
                  <button type="button" class="link" onClick={() => choose(one.id)}>
                    {moment(one.startedAt)}
                  </button>
                </td>
                <td>{duration(one.durationMs)}</td>
                <td>
                  <Status status={one.status} /> <Track boot={one} small />{" "}
                  {one.diagnosis !== null && sentence(one.diagnosis.cause)}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Events({ boot }: { boot: BootDetail }) {
  const { words: texts } = usePage();
  return (
    <details class="card">
      <summary>
        <h2>{texts.machine.events}</h2> ({boot.events.length})
      </summary>
      <ol class="events">
        {boot.events.map(({ at, event, ...fields }, index) => (
          <li key={index}>
            <time>{moment(at)}</time> <b>{event}</b> <code>{JSON.stringify(fields)}</code>
          </li>
        ))}
      </ol>
    </details>
  );
}

/** The number of option 93, which tells BIOS' codes from UEFI's. */
function architectureOf(boot: BootReply | null): string | null {
  if (boot?.firmware == null) return null;
  return /bios/i.test(boot.firmware) ? "0" : "7";
}
