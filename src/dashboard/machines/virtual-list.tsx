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
}

/** A list of which only what can be seen is drawn; it scrolls with the page. */
export function VirtualList({ label, count, keyOf, estimate, draw, look }: ListProps) {
  const list = useRef<HTMLUListElement>(null);
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
    scrollMargin: list.current?.offsetTop ?? 0,
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
  const margin = virtual.options.scrollMargin;
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
          ref={virtual.measureElement}
          data-index={item.index}
          aria-setsize={count}
          aria-posinset={item.index + 1}
          style={{ transform: `translateY(${item.start - margin}px)` }}
        >
          {draw(item.index)}
        </li>
      ))}
    </ul>
  );
}
