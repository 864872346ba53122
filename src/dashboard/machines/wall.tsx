import { memo } from "preact/compat";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import {
  countsOf,
  type Machine,
  type MachineStatus,
  sorted,
  statusesInOrder,
  statusOf,
  statusRank,
} from "../data/machine.ts";
import { usePage, useShown, useWords } from "../view/hooks.ts";
import { Status } from "../view/status.tsx";
import { Track } from "../view/track.tsx";
import { Ago, Sentences, Title } from "./machine-row.tsx";
import { gap, type WallFit, wallFit, type WallSpace } from "./wall-fit.ts";

/** Machines that need nobody and do not move: they are told in one line each. */
const quiet: ReadonlySet<MachineStatus> = new Set<MachineStatus>(["up", "local", "unseen"]);

/** All machines for a screen that is looked at from afar and that nobody touches: what needs a person first. */
export function Wall() {
  const { words: texts, store } = usePage();
  const { machines, loaded } = useShown();
  const place = useRef<HTMLDivElement>(null);
  const space = useSpace(place);
  const all = useMemo(() => sorted([...machines.values()], "name", store.nowMs()), [machines]);
  const tiles = useMemo(
    () =>
      all
        .filter((machine) => !quiet.has(statusOf(machine)))
        .toSorted((a, b) => statusRank(statusOf(a)) - statusRank(statusOf(b))),
    [all],
  );
  const chips = useMemo(() => all.filter((machine) => quiet.has(statusOf(machine))), [all]);
  const fit = wallFit(space, { tiles: tiles.length, chips: chips.length });
  const { attention, others } = texts.machines;
  const groups = [
    { name: "tiles", label: attention, machines: tiles.slice(0, fit.tiles), Entry: Tile },
    { name: "chips", label: others, machines: chips.slice(0, fit.chips), Entry: Chip },
  ];
  const shown = groups.flatMap((group) => group.machines);
  const hidden = [...tiles.slice(fit.tiles), ...chips.slice(fit.chips)];
  const keys = shown.map(({ key }) => key).join(" ");
  useEffect(() => store.look(keys.split(" ")), [store, keys]);
  return (
    <>
      <h1 class="hidden">{texts.nav.machines}</h1>
      <Counts machines={all} />
      <div ref={place}>
        {!loaded && <p class="empty">{texts.loading} …</p>}
        {loaded && all.length === 0 && <p class="empty">{texts.machines.none}</p>}
        {groups.map(({ name, label, machines: drawn, Entry }) => (
          <ul key={name} class={name} aria-label={label} style={styleOf(fit)}>
            {drawn.map((machine) => (
              <li key={machine.key}>
                <Entry machine={machine} />
              </li>
            ))}
          </ul>
        ))}
        {hidden.length > 0 && (
          <p class="rest">
            {texts.machines.more(hidden.length)}: <CountsInWords machines={hidden} />
          </p>
        )}
      </div>
    </>
  );
}

/** How many machines are in which state, as large as the screen lets it be. */
function Counts({ machines }: { machines: readonly Machine[] }) {
  const counts = countsOf(machines);
  return (
    <p class="counts">
      {statusesInOrder
        .filter((status) => counts[status] > 0)
        .map((status) => (
          <span key={status}>
            <b>{counts[status]}</b> <Status status={status} />
          </span>
        ))}
    </p>
  );
}

function CountsInWords({ machines }: { machines: readonly Machine[] }) {
  const texts = useWords();
  const counts = countsOf(machines);
  const said = statusesInOrder
    .filter((status) => counts[status] > 0)
    .map((status) => `${counts[status]} ${texts.status[status]}`);
  return <>{said.join(", ")}</>;
}

const Tile = memo(function Tile({ machine }: { machine: Machine }) {
  const { boot } = machine;
  const status = statusOf(machine);
  return (
    <article class={`row ${status}`}>
      <div class="head">
        <Title machine={machine} />
        <Status status={status} />
      </div>
      <Track boot={boot} />
      <div class="said-of-it">
        <Sentences boot={boot} />
        {boot !== null && <Ago iso={boot.updatedAt} />}
      </div>
    </article>
  );
});

const Chip = memo(function Chip({ machine }: { machine: Machine }) {
  const status = statusOf(machine);
  return (
    <article class={`row ${status}`}>
      <div class="head">
        <Title machine={machine} />
        <Status status={status} />
      </div>
    </article>
  );
});

/** A line of a tile's text, in the root's font size. */
const textLine = 1.45;
/** Of a tile, without its text. */
const besideText = 7.9;

function styleOf({ tileColumns, chipColumns, tileHeight }: WallFit) {
  return {
    "--tile-columns": tileColumns,
    "--chip-columns": chipColumns,
    "--tile-height": `${tileHeight - gap}rem`,
    "--text-height": `${Math.floor((tileHeight - besideText) / textLine) * textLine}rem`,
  };
}

/** From here to the lower right end of the window, in the root's font size. */
function useSpace(place: { readonly current: HTMLElement | null }): WallSpace {
  const [space, setSpace] = useState<WallSpace>({ width: 0, height: 0 });
  useLayoutEffect(() => {
    const look = () => {
      const element = place.current;
      if (element === null) return;
      const rem = Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
      const top = element.getBoundingClientRect().top + scrollY;
      const next = { width: element.clientWidth / rem, height: (innerHeight - top) / rem - 0.5 };
      setSpace((former) =>
        former.width === next.width && former.height === next.height ? former : next,
      );
    };
    look();
    // What is above the machines may be one line or several.
    const watch = new ResizeObserver(look);
    watch.observe(document.body);
    addEventListener("resize", look);
    return () => {
      watch.disconnect();
      removeEventListener("resize", look);
    };
  }, [place]);
  return space;
}
