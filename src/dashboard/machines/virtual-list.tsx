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
  /** A row's usual height in pixels. */
  readonly estimate: number;
  readonly draw: (index: number) => ComponentChildren;
  /** Told which rows are drawn. */
  readonly look: (keys: readonly string[]) => void;
}

/** A list of which only what can be seen is drawn; it scrolls with the page. */
export function VirtualList({ label, count, keyOf, estimate, draw, look }: ListProps) {
  const list = useRef<HTMLUListElement>(null);
  const [, drawAgain] = useState(0);
  const options: VirtualizerOptions<Window, HTMLLIElement> = {
    count,
    estimateSize: () => estimate,
    getItemKey: keyOf,
    getScrollElement: () => window,
    observeElementRect: observeWindowRect,
    observeElementOffset: observeWindowOffset,
    scrollToFn: windowScroll,
    initialRect: { width: innerWidth, height: innerHeight },
    scrollMargin: list.current?.offsetTop ?? 0,
    overscan: 8,
    onChange: () => drawAgain((one) => one + 1),
  };
  const kept = useRef<Virtualizer<Window, HTMLLIElement> | null>(null);
  const virtual = (kept.current ??= new Virtualizer(options));
  virtual.setOptions(options);
  useLayoutEffect(() => virtual._didMount(), [virtual]);
  useLayoutEffect(() => virtual._willUpdate());
  const items = virtual.getVirtualItems();
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
          ref={(element) => virtual.measureElement(element)}
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
