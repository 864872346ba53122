import { useCallback, useMemo, useRef, useState } from "preact/hooks";
import {
  countsOf,
  type Machine,
  type MachineStatus,
  searchTextOf,
  type Sort,
  sorted,
  statusesInOrder,
  statusOf,
} from "../data/machine.ts";
import { NetbootButtons } from "./actions.tsx";
import { useKept, usePage, useScrolling, useShown } from "../view/hooks.ts";
import { MachineRow, Title } from "./machine-row.tsx";
import { VirtualList } from "./virtual-list.tsx";

const sorts: readonly Sort[] = ["activity", "name", "progress", "status"];

/** All machines: what stands still first, to be searched, filtered, sorted, grouped. */
export function Machines() {
  const { words: texts, store } = usePage();
  const { machines, loaded } = useShown();
  const [search, setSearch] = useState("");
  const [filter, setFilter] = useKept("filter", ["all", ...statusesInOrder], "all");
  const [sort, setSort] = useKept("sort", sorts, "activity");
  const [group, setGroup] = useKept("group", ["yes", "no"], "yes");
  const moving = useScrolling();
  const all = useMemo(() => [...machines.values()], [machines]);
  const counts = useMemo(() => countsOf(all), [all]);
  const settings = JSON.stringify([search, filter, sort, group]);
  const held = useRef<Rows & { readonly settings: string }>({ settings: "", rows: [], count: 0 });
  const { rows, count } = useMemo((): Rows => {
    // Nothing changes its place under the eyes of somebody who scrolls.
    if (moving && held.current.settings === settings) {
      const still = held.current.rows.flatMap((row) =>
        "key" in row ? (machines.get(row.key) ?? []) : row,
      );
      return { rows: still, count: held.current.count };
    }
    const wanted = search.trim().toLowerCase();
    const found = asTheyStood(held.current.rows, machines).filter(
      (machine) =>
        (filter === "all" || statusOf(machine) === filter) &&
        (wanted === "" || searchTextOf(machine).includes(wanted)),
    );
    const ordered = sorted(found, sort, store.nowMs(), group === "yes");
    return { rows: group === "yes" ? withHeadings(ordered) : ordered, count: found.length };
  }, [machines, settings, moving]);
  held.current = { settings, rows, count };
  // The same function while the rows are the same: what the list knows of each row is kept.
  const keyOf = useCallback(
    (index: number) => {
      const row = rows[index];
      return row === undefined ? "" : "key" in row ? row.key : `heading ${row.heading}`;
    },
    [rows],
  );

  return (
    <>
      <h1 class="hidden">{texts.nav.machines}</h1>
      <Queue machines={all} />
      <form class="tools" role="search" onSubmit={(event) => event.preventDefault()}>
        <label class="search">
          <span class="hidden">{texts.machines.search}</span>
          <input
            type="search"
            value={search}
            placeholder={texts.machines.searchHint}
            onInput={(event) => setSearch(event.currentTarget.value)}
          />
        </label>
        <label>
          {texts.machines.filter}{" "}
          <select value={filter} onChange={(event) => setFilter(event.currentTarget.value)}>
            <option value="all">
              {texts.machines.all} ({all.length})
            </option>
            {statusesInOrder
              .filter((one) => counts[one] > 0 || one === filter)
              .map((one) => (
                <option key={one} value={one}>
                  {texts.status[one]} ({counts[one]})
                </option>
              ))}
          </select>
        </label>
        <label>
          {texts.machines.sort}{" "}
          <select value={sort} onChange={(event) => setSort(event.currentTarget.value)}>
            {sorts.map((one) => (
              <option key={one} value={one}>
                {texts.machines.sorts[one]}
              </option>
            ))}
          </select>
        </label>
        <label class="check">
          <input
            type="checkbox"
            checked={group === "yes"}
            onChange={(event) => setGroup(event.currentTarget.checked ? "yes" : "no")}
          />{" "}
          {texts.machines.group}
        </label>
        <span class="count" role="status">
          {texts.machines.count(count, all.length)}
        </span>
      </form>
      {!loaded ? (
        <p class="empty">{texts.loading} …</p>
      ) : rows.length === 0 ? (
        <p class="empty">{all.length === 0 ? texts.machines.none : texts.machines.noMatch}</p>
      ) : (
        <VirtualList
          label={texts.nav.machines}
          count={rows.length}
          keyOf={keyOf}
          estimate={88}
          look={(keys) => store.look(keys)}
          view={settings}
          moving={moving}
          draw={(index) => {
            const row = rows[index];
            if (row === undefined) return null;
            return "key" in row ? (
              <MachineRow machine={row} />
            ) : (
              <h2 class="group">
                {texts.status[row.heading]} <span class="number">{row.count}</span>
              </h2>
            );
          }}
        />
      )}
    </>
  );
}

interface Heading {
  readonly heading: MachineStatus;
  readonly count: number;
}

interface Rows {
  readonly rows: readonly (Machine | Heading)[];
  /** Of machines among them. */
  readonly count: number;
}

/** All machines: those of the rows in the order that they had there, so that few have to be moved to their places. */
function asTheyStood(
  rows: Rows["rows"],
  machines: ReadonlyMap<string, Machine>,
): readonly Machine[] {
  const stood = rows.flatMap((row) => ("key" in row ? (machines.get(row.key) ?? []) : []));
  const others = new Map(machines);
  for (const { key } of stood) others.delete(key);
  return [...stood, ...others.values()];
}

function withHeadings(machines: readonly Machine[]): readonly (Machine | Heading)[] {
  const counts = countsOf(machines);
  let last: MachineStatus | null = null;
  return machines.flatMap((machine) => {
    const status = statusOf(machine);
    if (status === last) return [machine];
    last = status;
    return [{ heading: status, count: counts[status] }, machine];
  });
}

/** Machines that wait until somebody decides, with one click each. */
function Queue({ machines }: { machines: readonly Machine[] }) {
  const { words: texts } = usePage();
  const waiting = machines.filter((machine) => statusOf(machine) === "waiting");
  if (waiting.length === 0) return null;
  return (
    <section class="card queue" aria-labelledby="queue">
      <h2 id="queue">{texts.machines.queue(waiting.length)}</h2>
      <p>{texts.machines.queueHelp}</p>
      <ul>
        {waiting.slice(0, 20).map((machine) => (
          <li key={machine.key}>
            <Title machine={machine} />
            <NetbootButtons machine={machine} few />
          </li>
        ))}
      </ul>
    </section>
  );
}
