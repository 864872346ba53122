import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { BootReply } from "../../api/boots.ts";
import { api, type BootDetail } from "../data/api.ts";
import { isMac, labelOf, type Machine, nameOf, statusOf } from "../data/machine.ts";
import { NetbootButtons } from "./actions.tsx";
import { Answers } from "./answers.tsx";
import { FactsCard } from "./facts-card.tsx";
import { Verdict } from "./verdict.tsx";
import { CodeBox } from "../view/code-box.tsx";
import { duration, moment, sentence } from "../view/format.ts";
import { useAsked, usePage, useShown } from "../view/hooks.ts";
import { Table } from "../view/table.tsx";
import { MissingKey } from "./missing-key.tsx";
import { Packets } from "./packets.tsx";
import { Status } from "../view/status.tsx";
import { Timeline } from "./timeline.tsx";
import { Track } from "../view/track.tsx";

/** One machine: why it stopped first, then how its boot went, then everything else. */
export function MachinePage({ id }: { id: string }) {
  const { words: texts, store } = usePage();
  const { machines, loaded } = useShown();
  const machine = machines.get(id) ?? null;
  useEffect(() => store.look([id]), [store, id]);
  useEffect(() => {
    if (machine === null && loaded && isMac(id)) void store.refresh(id).catch(() => {});
  }, [id, loaded]);
  const [chosen, setChosen] = useState<string | null>(null);
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
  // A download that runs moves in the list alone.
  const shown = isThis && latest?.id === bootId ? { ...boot, ...latest } : isThis ? boot : null;
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
      <Verdict machine={machine} boot={shown ?? latest} />
      {shown !== null && <MissingKey boot={shown} />}
      {shown !== null && <Timeline boot={shown} />}
      {shown !== null && <Given boot={shown} />}
      <div class="columns">
        <FactsCard machine={machine} boot={shown} />
        <CodeBox architecture={architectureOf(latest)} />
      </div>
      {shown !== null && <Answers boot={shown} machine={machine} />}
      <EarlierBoots machine={machine} chosen={bootId} choose={setChosen} />
      {shown !== null && <Packets boot={shown} />}
      {shown !== null && <Events boot={shown} />}
    </Frame>
  );
}

/** Every file that the machine was sent, in a line; the whole sum is the entry's title. */
function Given({ boot: { given } }: { boot: BootDetail }) {
  const { words: texts } = usePage();
  const { machine } = texts;
  if (given.length === 0) return null;
  return (
    <p class="help given">
      {machine.given}{" "}
      {given.map(({ file, sha256, certainty }, index) => (
        <span key={index} title={sha256 ?? undefined}>
          {index > 0 && ", "}
          {sha256 === null
            ? machine.givenUnknown(file)
            : machine.givenFile(file, sha256.slice(0, 8))}
          {certainty === "proved" ? "" : ` ${machine.givenNamed}`}
        </span>
      ))}
      .
    </p>
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
    () => (isMac(key) ? api.boots({ mac: key, limit: "20" }) : Promise.resolve(null)),
    `${key} ${boot?.id} ${boot?.status}`,
  ).value?.boots;
  if (boots === undefined || boots.length === 0) return null;
  return (
    <section class="card">
      <h2>{texts.machine.earlier}</h2>
      <Table
        label={texts.machine.earlier}
        heads={[texts.machine.began, texts.machine.lasted, texts.machine.ended]}
      >
        {boots.map((one) => (
          <tr key={one.id} class={one.id === chosen ? "chosen" : ""}>
            <td>
              <button type="button" class="link" onClick={() => choose(one.id)}>
                {moment(one.startedAt, texts.language)}
              </button>
            </td>
            <td>{duration(one.durationMs)}</td>
            <td>
              <Status status={one.status} /> <Track boot={one} small />{" "}
              {one.server !== null && `${texts.machine.seenBy(one.server)} `}
              {one.diagnosis !== null && sentence(one.diagnosis.cause)}
            </td>
          </tr>
        ))}
      </Table>
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
            <time>{moment(at, texts.language)}</time> <b>{event}</b>{" "}
            <code>{JSON.stringify(fields)}</code>
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
