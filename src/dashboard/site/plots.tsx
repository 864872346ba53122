import { useEffect, useRef } from "preact/hooks";
import type uPlot from "uplot";
import type { SiteReply } from "../../api/site.ts";
import { clockTime, duration } from "../view/format.ts";
import { useWords } from "../view/hooks.ts";
import { Chart, Table } from "../view/table.tsx";

const plotHeight = 180;

function series(label: string, colour: string): uPlot.Series {
  return { label, fill: colour, width: 0, points: { show: false } };
}

/** Boots that began, and those that came up, in each of the last hours; with the same in a table for who reads by ear. */
export function HoursPlot({ site }: { site: SiteReply }) {
  const texts = useWords();
  const { hours } = site;
  const sum = (of: "boots" | "up") => hours.reduce((all, one) => all + one[of], 0);
  const data: uPlot.AlignedData = [
    hours.map(({ startedAt }) => Date.parse(startedAt) / 1000),
    hours.map(({ boots }) => boots),
    hours.map(({ up }) => up),
  ];
  return (
    <>
      <p>
        {texts.site.began}: {sum("boots")} · {texts.site.up}: {sum("up")}
      </p>
      <Plot
        label={`${texts.site.perHour}: ${sum("boots")} ${texts.site.began}, ${sum("up")} ${texts.site.up}`}
        data={data}
        series={[{}, series(texts.site.began, "#8fb4ee"), series(texts.site.up, "#1f9d55")]}
      />
    </>
  );
}

/** When boots here reach each stage. */
export function MediansPlot({ site }: { site: SiteReply }) {
  const texts = useWords();
  const whole = Math.max(1, ...site.medians.map(({ afterMs }) => afterMs));
  return (
    <Table
      label={texts.site.medians}
      kind="timeline"
      heads={[texts.machine.steps.step, texts.machine.steps.at, null]}
    >
      {site.medians.map(({ stage, afterMs }) => (
        <tr key={stage}>
          <th scope="row">{texts.stages[stage]}</th>
          <td>{duration(afterMs)}</td>
          <Chart>
            <span class="took" style={{ left: "0", width: `${(100 * afterMs) / whole}%` }} />
          </Chart>
        </tr>
      ))}
    </Table>
  );
}

/** As bars. What draws it is fetched when it is first needed: no part of what the first page waits for. */
function Plot({
  label,
  data,
  series: bySeries,
}: {
  label: string;
  data: uPlot.AlignedData;
  series: readonly uPlot.Series[];
}) {
  const { language } = useWords();
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(data);
  latest.current = data;
  useEffect(() => {
    const element = place.current;
    if (element === null) return;
    let isWanted = true;
    let watch: ResizeObserver | null = null;
    const colour = getComputedStyle(element).color;
    const axis = { stroke: colour, grid: { stroke: "rgba(128,128,128,.2)", width: 1 } };
    const widthOf = () => Math.max(200, element.clientWidth);
    const draw = async () => {
      const { default: Drawn } = await import("uplot");
      if (!isWanted) return;
      const bars = Drawn.paths.bars?.({ size: [0.8, 40] });
      const made = new Drawn(
        {
          width: widthOf(),
          height: plotHeight,
          series: bySeries.map((one) => (bars === undefined ? one : { ...one, paths: bars })),
          axes: [
            {
              ...axis,
              space: 70,
              values: (_, at) => at.map((one) => clockTime(one * 1000, language)),
            },
            { ...axis, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000] },
          ],
          scales: { y: { range: (_, __, max) => [0, Math.max(1, max)] } },
          cursor: { show: false },
          legend: { show: false },
        },
        latest.current,
        element,
      );
      plot.current = made;
      watch = new ResizeObserver(() => made.setSize({ width: widthOf(), height: plotHeight }));
      watch.observe(element);
    };
    void draw();
    return () => {
      isWanted = false;
      watch?.disconnect();
      plot.current?.destroy();
      plot.current = null;
    };
  }, []);
  useEffect(() => plot.current?.setData(data), [data]);
  return <div class="plot" ref={place} role="img" aria-label={label} />;
}
