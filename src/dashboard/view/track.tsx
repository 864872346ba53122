import type { BootReply } from "../../api/boots.ts";
import { progressOf, type WordState } from "../data/machine.ts";
import { rate } from "./format.ts";
import { useWords } from "./hooks.ts";

/** How far a boot got: five words. What is not proved is drawn hollow, and said. */
export function Track({ boot, small = false }: { boot: BootReply | null; small?: boolean }) {
  const texts = useWords();
  const stopped = boot?.status === "stalled" || boot?.status === "denied";
  return (
    <ol class={`track${small ? " small" : ""}`}>
      {progressOf(boot).map((state) => (
        <li
          key={state.word}
          class={classesOf(state, stopped)}
          title={`${texts.wordHelp[state.word]}${certaintyText(state, texts.certainty)}`}
          aria-current={state.current ? "step" : undefined}
        >
          <span class="bar">
            <span
              class="fill"
              style={{ transform: `scaleX(${(state.percent ?? (state.reached ? 100 : 0)) / 100})` }}
            />
          </span>
          <span class="word">
            {texts.words[state.word]}
            {state.percent !== null && ` ${Math.floor(state.percent)} %`}
            <span class="hidden">
              {state.reached ? `: ${texts.reached}` : `: ${texts.notReached}`}
              {certaintyText(state, texts.certainty)}
            </span>
          </span>
          {state.percent !== null && state.bytesPerSecond !== null && !small && (
            <span class="rate">{rate(state.bytesPerSecond)}</span>
          )}
        </li>
      ))}
    </ol>
  );
}

function classesOf(state: WordState, stopped: boolean): string {
  const classes = [];
  if (state.reached) classes.push("reached");
  if (state.done) classes.push("done");
  if (state.current) classes.push(stopped ? "stopped" : "current");
  if (state.reached && state.certainty !== null && state.certainty !== "proved") {
    classes.push("unproved");
  }
  return classes.join(" ");
}

function certaintyText(
  { reached, certainty }: WordState,
  texts: Readonly<Record<NonNullable<WordState["certainty"]>, string>>,
): string {
  return reached && certainty !== null && certainty !== "proved" ? `, ${texts[certainty]}` : "";
}
