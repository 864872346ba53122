import {
  observeWindowOffset,
  observeWindowRect,
  Virtualizer,
  type VirtualizerOptions,
  windowScroll,
} from "@tanstack/virtual-core";
import type { ComponentChildren } from "preact";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";

interface ListProps {
  readonly label: string;
  readonly count: number;
  readonly keyOf: (index: number) => string;
  /** A row's usual height in pixels, until rows were drawn. */
  readonly estimate: number;
  readonly draw: (index: number) => ComponentChildren;
  /** Told which rows are drawn. */
  readonly look: (keys: readonly string[]) => void;
  /** What the list is of, such as a search: of another one the first screen is drawn at once. */
  readonly view: string;
  /** It is being scrolled. */
  readonly moving: boolean;
}

/** So many rows are drawn anew in one frame while the list is scrolled; a fast scroll shows the others a frame or two later. */
const scrolledRowsAFrame = 3;
/** The same while it stands still, as rows change their places: who reads would see gaps. */
const movedRowsAFrame = 8;

/** A list of which only what can be seen is drawn; it scrolls with the page. */
export function VirtualList(props: ListProps) {
  const { label, count, keyOf, estimate, draw, look, view, moving } = props;
  const list = useRef<HTMLUListElement>(null);
  const margin = useTop(list);
  const [, drawAgain] = useState(0);
  const [usual, setUsual] = useState(estimate);
  const options: VirtualizerOptions<Window, HTMLLIElement> = {
    count,
    estimateSize: () => usual,
    getItemKey: keyOf,
    getScrollElement: () => window,
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    initialRect: { width: innerWidth, height: innerHeight },
    scrollMargin: margin,
    overscan: 4,
    onChange: () => drawAgain((one) => one + 1),
  };
  const kept = useRef<Virtualizer<Window, HTMLLIElement> | null>(null);
  const virtual = (kept.current ??= new Virtualizer(options));
  virtual.setOptions(options);
  useLayoutEffect(() => virtual._didMount(), [virtual]);
  useLayoutEffect(() => virtual._willUpdate());
  const items = virtual.getVirtualItems();
  // A row that is not as high as was thought moves all below it: a page that is scrolled would be laid out twice.
  useLayoutEffect(() => {
    const heights = items.map(({ size }) => size).toSorted((a, b) => a - b);
    const median = heights[Math.floor(heights.length / 2)] ?? usual;
    if (Math.abs(median - usual) > usual / 8) {
      setUsual(median);
      virtual.measure();
    }
  });
  useEffect(() => look(items.map(({ key }) => `${key}`)));
  const drawn = useDrawn(
    items.map(({ key }) => `${key}`),
    Math.max(
      0,
      items.findIndex(({ index }) => index >= (virtual.range?.startIndex ?? 0)),
    ),
    `${virtual.scrollRect?.height} ${view}`,
    moving ? scrolledRowsAFrame : movedRowsAFrame,
    () => drawAgain((one) => one + 1),
  );
  return (
    <ul
      ref={list}
      class="machines"
      aria-label={label}
      style={{ height: `${virtual.getTotalSize()}px` }}
    >
      {items.map((item) => (
        <li
          key={item.key}
          // The same function each time: otherwise each row is measured again whenever one of them changes.
          ref={drawn.has(`${item.key}`) ? virtual.measureElement : null}
          data-index={item.index}
          aria-setsize={count}
          aria-posinset={item.index + 1}
          style={{
            transform: `translateY(${item.start - margin}px)`,
            ...(drawn.has(`${item.key}`) ? {} : { height: `${item.size}px` }),
          }}
        >
          {drawn.has(`${item.key}`) && draw(item.index)}
        </li>
      ))}
    </ul>
  );
}

/** Where the list begins on the page. It is read when the page was laid out anyway, as what is above it changes. */
function useTop(list: { readonly current: HTMLUListElement | null }): number {
  const [top, setTop] = useState(0);
  useLayoutEffect(() => {
    const look = () => setTop(list.current?.offsetTop ?? 0);
    look();
    const watch = new ResizeObserver(look);
    watch.observe(document.body);
    return () => watch.disconnect();
  }, [list]);
  return top;
}

/**
 * Of the rows that are wanted, those that are drawn: what was drawn before, the whole first screen of a view, and of
 * others as many as a frame has time for, from the first that can be seen on.
 */
function useDrawn(
  wanted: readonly string[],
  from: number,
  view: string,
  mostAFrame: number,
  again: () => void,
): ReadonlySet<string> {
  const former = useRef<{ readonly keys: ReadonlySet<string>; readonly view: string }>({
    keys: new Set(),
    view: "",
  });
  const spent = useRef(0);
  const drawn = new Set(wanted.filter((key) => former.current.keys.has(key)));
  const isFirst = former.current.view !== view;
  for (const key of [...wanted.slice(from), ...wanted.slice(0, from)]) {
    if (drawn.has(key)) continue;
    if (!isFirst && spent.current >= mostAFrame) break;
    spent.current += 1;
    drawn.add(key);
  }
  former.current = { keys: drawn, view };
  const isMissing = useRef(false);
  isMissing.current = drawn.size < wanted.length;
  const isAsked = useRef(false);
  useLayoutEffect(() => {
    if (isAsked.current) return;
    isAsked.current = true;
    // After the frame, not in it: else those of a scroll and these would be laid out in one.
    afterFrame(() => {
      isAsked.current = false;
      spent.current = 0;
      if (isMissing.current) again();
    });
  });
  return drawn;
}

/** Acts as soon as the next frame was drawn. */
function afterFrame(act: () => void): void {
  requestAnimationFrame(() => setTimeout(act, 0));
}
