import { mkdirSync, writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { configurationIn, fromSource } from "../qemu/eim-pxe.ts";
import { openSite } from "../qemu/site.ts";
import { Program } from "../support/command.ts";
import { StormSite } from "../support/storm-site.ts";
import { Tmux } from "../support/tmux.ts";

/*
 * What `watch` and `demo` show on terminals of 80 and 120 columns, for the documents:
 *   npx tsx test/captures/main.ts [simulated] [demo] [qemu]
 * Without a word: all three. Needs root and tmux, for qemu the lab's packages; writes docs/pictures/*.txt.
 */

const parts = ["simulated", "demo", "qemu"] as const;
type Part = (typeof parts)[number];
const sizes = [80, 120] as const;
/** A busy machine may need ten times what a quiet one does. */
const LIMIT_MS = 600_000;

const words = process.argv.slice(2);
const wrong = words.filter((word) => !parts.some((part) => part === word));
if (wrong.length > 0) throw new Error(`no such part: ${wrong.join(", ")}`);
const wants = (part: Part): boolean => words.length === 0 || words.includes(part);

mkdirSync("docs/pictures", { recursive: true });

async function shown(terminal: Tmux, wanted: RegExp): Promise<readonly string[]> {
  const until = performance.now() + LIMIT_MS;
  for (;;) {
    const screen = terminal.screen();
    if (wanted.test(screen.join("\n"))) return screen;
    if (performance.now() > until) throw new Error(`no ${wanted.source}:\n${screen.join("\n")}`);
    await sleep(100);
  }
}

function write(name: string, columns: number, screen: readonly string[]): void {
  const lines = screen.map((line) => line.trimEnd());
  const text = lines.join("\n").trimEnd();
  writeFileSync(`docs/pictures/${name}-${columns}.txt`, `${text}\n`);
  console.log(`${name}, ${columns} columns:\n${text}\n`);
}

async function simulated(program: Program): Promise<void> {
  const files = { loaderBytes: 1_048_576, kernelBytes: 8_388_608, initramfsBytes: 33_554_432 };
  // So slowly that there is something to see.
  const configuration = { http: { maxBytesPerSecond: 24_000_000 } };
  const site = await StormSite.open(program, { mode: "full", ...files, configuration });
  const { serverHost, configurationFile } = site;
  const inside = ["ip", "netns", "exec", serverHost, process.execPath, program.entry];
  const watch = [...inside, "watch", "--config", configurationFile];
  const terminals = sizes.map((columns) => ({
    columns,
    terminal: new Tmux(`watch-${columns}`, { columns, rows: 16 }, watch),
  }));
  try {
    await Promise.all(terminals.map(({ terminal }) => shown(terminal, /machine/)));
    const boots = site.simulate("--nodes", "8", "--ramp", "4");
    for (const { columns, terminal } of terminals) {
      write(
        "watch-simulated",
        columns,
        await shown(terminal, /[4-9] machines[^]*◐ (loader|script|Micro-OS)/),
      );
    }
    await boots;
    for (const { columns, terminal } of terminals) {
      await shown(terminal, /8 up/);
      // Above them stands the machine by which the target was looked at, and which went no further.
      terminal.press("Down", "Enter");
      write("watch-one", columns, await shown(terminal, /Esc back/));
      terminal.press("q");
    }
  } finally {
    for (const { terminal } of terminals) terminal.close();
    await site.close();
  }
}

async function demo(program: Program): Promise<void> {
  for (const columns of sizes) {
    const command = [process.execPath, program.entry, "demo", "--once", "--nodes", "5"];
    const terminal = new Tmux(`demo-${columns}`, { columns, rows: 40 }, command);
    try {
      const screen = await shown(terminal, /^ended with 0/m);
      const end = screen.findIndex((line) => line.startsWith("ended with"));
      write("demo", columns, screen.slice(0, end));
    } finally {
      terminal.close();
    }
  }
}

async function qemu(): Promise<void> {
  const site = await openSite({ mode: "proxy", loaders: "modern" });
  const config = ["--config", configurationIn(site.folder)];
  const watch = site.network.inside(...fromSource, "watch", ...config);
  const terminals = sizes.map((columns) => ({
    columns,
    terminal: new Tmux(`qemu-${columns}`, { columns, rows: 12 }, watch),
  }));
  try {
    const boot = site.boot(site.newMachine("uefi"));
    for (const { columns, terminal } of terminals) {
      write("watch-qemu", columns, await shown(terminal, /◐/));
    }
    await boot;
    for (const { columns, terminal } of terminals) {
      await shown(terminal, /1 up/);
      terminal.press("Enter");
      write("watch-qemu-one", columns, await shown(terminal, /Esc back/));
    }
  } finally {
    for (const { terminal } of terminals) terminal.close();
    await site.close();
  }
}

const program = wants("simulated") || wants("demo") ? await Program.build() : null;
try {
  if (program !== null && wants("simulated")) await simulated(program);
  if (program !== null && wants("demo")) await demo(program);
  if (wants("qemu")) await qemu();
} finally {
  await program?.remove();
}
