import type { BootReply } from "../../api/boots.ts";
import type { MachineStatus } from "../data/machine.ts";
import { sentence } from "./format.ts";
import { useWords } from "./hooks.ts";

/** The state of a machine: a word and a shape, so that no one needs the colour. */
export function Status({ status }: { status: MachineStatus }) {
  const texts = useWords();
  return (
    <span class={`status ${status}`}>
      <span class="sign" aria-hidden="true">
        {signs[status]}
      </span>
      {texts.status[status]}
    </span>
  );
}

const signs: Readonly<Record<MachineStatus, string>> = {
  booting: "▶",
  up: "✔",
  stalled: "■",
  denied: "⊘",
  local: "↪",
  waiting: "?",
  unseen: "·",
};

/** Why a boot stopped and what to do, in two sentences. */
export function Sentence({ diagnosis }: { diagnosis: NonNullable<BootReply["diagnosis"]> }) {
  const texts = useWords();
  return (
    <p class="sentence">
      <strong>{sentence(diagnosis.cause)}</strong>{" "}
      <span class="remedy">
        {sentence(diagnosis.remedy)} <span class="who">({texts.who[diagnosis.who]})</span>
      </span>
    </p>
  );
}
