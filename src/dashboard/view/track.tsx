import { memo } from "preact/compat";
import type { BootReply } from "../../api/boots.ts";
import { progressOf, type WordState } from "../data/machine.ts";
import { isSame } from "../data/same.ts";
import { rate } from "./format.ts";
import { useWords } from "./hooks.ts";

interface TrackProps {
  readonly boot: BootReply | null;
  readonly small?: boolean;
}

/**
 * How far a boot got: five words. What is not proved is drawn hollow, and said. A list has hundreds of these bars:
 * each is one element, without layers of its own.
 */
export const Track = memo(function Track({ boot, small = false }: TrackProps) {
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
          {state.percent === null ? (
            <span class="bar" />
          ) : (
            <span class="bar part" style={{ "--part": `${state.percent}%` }} />
          )}
          <span class="word">
            {texts.words[state.word]}
            {state.percent !== null && ` ${Math.floor(state.percent)} %`}
            <span class="hidden">
              {`: ${state.reached ? texts.reached : texts.notReached}${certaintyText(state, texts.certainty)}`}
            </span>
          </span>
          {state.percent !== null && state.bytesPerSecond !== null && !small && (
            <span class="rate">{rate(state.bytesPerSecond)}</span>
          )}
        </li>
      ))}
    </ol>
  );
}, isSameTrack);

/** The times of a boot go on while its steps stay as they are. */
function isSameTrack(one: TrackProps, other: TrackProps): boolean {
  const { boot: a, small } = one;
  const { boot: b } = other;
  if (a === null || b === null) return a === b && small === other.small;
  return (
    small === other.small &&
    a.status === b.status &&
    a.stage === b.stage &&
    isSame(a.steps, b.steps)
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
