import { memo } from "preact/compat";
import type { BootReply } from "../../api/boots.ts";
import { addressOf, labelOf, type Machine, nameOf, serialOf, statusOf } from "../data/machine.ts";
import { NetbootButtons } from "./actions.tsx";
import { duration } from "../view/format.ts";
import { useNow, useWords } from "../view/hooks.ts";
import { Sentence, Status } from "../view/status.tsx";
import { Track } from "../view/track.tsx";

/** A machine in the list. */
export const MachineRow = memo(function MachineRow({ machine }: { machine: Machine }) {
  const { boot } = machine;
  const status = statusOf(machine);
  return (
    <article class={`row ${status}`}>
      <div class="who-is">
        <Title machine={machine} />
        <Facts machine={machine} />
      </div>
      <div class="how-far">
        <Track boot={boot} />
        <Sentences boot={boot} />
      </div>
      <div class="state">
        <Status status={status} />
        {boot !== null && <Ago iso={boot.updatedAt} />}
        <NetbootButtons machine={machine} few />
      </div>
    </article>
  );
});

/** Why it stopped, or why it takes long. */
export function Sentences({ boot }: { boot: BootReply | null }) {
  const texts = useWords();
  return (
    <>
      {boot?.diagnosis != null && <Sentence diagnosis={boot.diagnosis} />}
      {boot?.waiting != null && <p class="sentence">{texts.machines.inLine(boot.waiting.ahead)}</p>}
      {boot?.status === "booting" && boot.expected?.isLate === true && (
        <p class="sentence late">
          {texts.machines.late(duration(boot.expected.elapsedMs), duration(boot.expected.usualMs))}
        </p>
      )}
    </>
  );
}

export function Title({ machine }: { machine: Machine }) {
  const texts = useWords();
  const name = nameOf(machine);
  const label = labelOf(machine);
  return (
    <a class="title" href={`#/machine/${encodeURIComponent(machine.key)}`}>
      <span class={name === null ? "unnamed" : "named"}>
        {name ?? (label === "" ? texts.machines.unnamed : label)}
      </span>{" "}
      <code>{machine.key}</code>
    </a>
  );
}

/** What tells this box from the one beside it. */
function Facts({ machine }: { machine: Machine }) {
  const texts = useWords();
  const { boot } = machine;
  const serial = serialOf(machine);
  const label = nameOf(machine) === null ? "" : labelOf(machine);
  const facts = [
    label === "" ? null : label,
    serial === null ? null : texts.machines.serial(serial),
    addressOf(machine),
    boot?.interface ?? null,
    boot?.firmware ?? null,
  ].filter((one) => one !== null);
  return <div class="facts">{facts.join(" · ")}</div>;
}

export function Ago({ iso }: { iso: string }) {
  const texts = useWords();
  const ms = useNow() - Date.parse(iso);
  return (
    <span class={ms < 5000 ? "ago just" : "ago"}>
      {ms < 5000
        ? texts.machines.justNow
        : texts.machines.since(duration(Math.round(ms / 1000) * 1000))}
    </span>
  );
}
