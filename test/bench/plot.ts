import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

/*
 * Plots for docs/pictures, as SVG that stands by itself. A bench gives numbers and words, and writes what comes
 * back into a file.
 */

export interface Series {
  readonly name: string;
  /** x and y, in the order in which they are joined. */
  readonly points: readonly (readonly [number, number])[];
}

export interface PlotOptions {
  readonly title: string;
  readonly x: PlotAxis;
  readonly y: PlotAxis;
}

export interface PlotAxis {
  /** With its unit. */
  readonly label: string;
  /** `log` for what doubles from step to step; by default `linear`. */
  readonly scale?: "linear" | "log";
  /** Where the marks of the axis are; by default where they look well. */
  readonly ticks?: readonly number[];
}

const width = 760;
const height = 420;
const legendRow = 18;
/** Told apart by people who see no red or green, too (Okabe and Ito, 2008). */
const colours = [
  "#0072b2",
  "#e69f00",
  "#009e73",
  "#cc79a7",
  "#d55e00",
  "#56b4e9",
  "#999999",
  "#b8a800",
  "#000000",
];

/** One line for each series. */
export function linePlot(series: readonly Series[], options: PlotOptions): string {
  const rows = rowsOf(series);
  const channels = { x: "x", y: "y", stroke: "name" };
  return draw(series, options, [
    Plot.lineY(rows, { ...channels, strokeWidth: 2 }),
    Plot.dot(rows, { x: "x", y: "y", fill: "name", r: rows.length > 200 ? 0 : 3 }),
  ]);
}

/** The series on top of one another, the first at the bottom; all have the same x. */
export function stackedPlot(series: readonly Series[], options: PlotOptions): string {
  const order = series.map(({ name }) => name);
  const channels = { x: "x", y: "y", fill: "name", order };
  return draw(series, options, [Plot.areaY(rowsOf(series), Plot.stackY(channels))]);
}

function rowsOf(series: readonly Series[]): { name: string; x: number; y: number }[] {
  return series.flatMap(({ name, points }) => points.map(([x, y]) => ({ name, x, y })));
}

function draw(
  series: readonly Series[],
  { title, x, y }: PlotOptions,
  marks: readonly Plot.Markish[],
): string {
  const { document } = parseHTML("<!doctype html><html><body></body></html>");
  const names = series.map(({ name }) => name);
  const legend = legendOf(names);
  const figure = Plot.plot({
    document,
    width,
    height,
    marginLeft: 72,
    marginRight: 20,
    marginTop: 48 + legend.rows * legendRow,
    marginBottom: 46,
    style: { fontSize: "12px", background: "white" },
    x: axis(x),
    y: { ...axis(y), zero: y.scale !== "log" },
    color: { domain: names, range: colours },
    marks: [
      ...marks,
      Plot.text([title], {
        frameAnchor: "top-left",
        dx: 0,
        dy: -38 - legend.rows * legendRow,
        fontSize: 15,
        fontWeight: "bold",
      }),
      ...legend.marks,
    ],
  });
  figure.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  figure.setAttribute("role", "img");
  figure.setAttribute("aria-label", title);
  // Where the document has no colour of its own: an SVG in an <img> inherits none.
  figure.setAttribute("color", "#222222");
  return `${figure.outerHTML}\n`;
}

function axis({ label, scale = "linear", ticks }: PlotAxis): Plot.ScaleOptions {
  return {
    label,
    labelAnchor: "center",
    labelArrow: "none",
    type: scale,
    grid: true,
    // d3 leaves out the numbers that are no small multiples of the base's powers; 10 would lose 64.
    ...(scale === "log" ? { base: 2 } : {}),
    ...(ticks === undefined
      ? {}
      : { ticks, tickFormat: (value: number) => value.toLocaleString("en") }),
  };
}

/** A dot and a name for each series, above the frame, in as many rows as they need. */
function legendOf(names: readonly string[]): { rows: number; marks: readonly Plot.Markish[] } {
  const places: { name: string; row: number; dx: number }[] = [];
  let [row, dx] = [0, 0];
  for (const name of names) {
    const wide = 26 + name.length * 7;
    if (dx > 0 && dx + wide > width - 80) [row, dx] = [row + 1, 0];
    places.push({ name, row, dx });
    dx += wide;
  }
  const rows = row + 1;
  const marks = places.flatMap((place, index) => {
    const dy = -30 - (rows - 1 - place.row) * legendRow;
    const fill = colours[index % colours.length] ?? "black";
    return [
      Plot.dot([place.name], { frameAnchor: "top-left", dx: place.dx + 6, dy: dy + 6, r: 5, fill }),
      Plot.text([place.name], { frameAnchor: "top-left", dx: place.dx + 16, dy }),
    ];
  });
  return { rows, marks };
}
