import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Program } from "../support/command.ts";
import { netnsMissing } from "../support/netns.ts";
import { StormSite } from "../support/storm-site.ts";
import { Tmux } from "../support/tmux.ts";
import { reasonToSkip } from "../support/tools.ts";

/* `watch` and `demo` on a terminal of 80 and of 120 columns, which tmux is. */

const missing = reasonToSkip({ tools: ["tmux"], root: true }) ?? netnsMissing();

let program: Program;
let site: StormSite;
beforeAll(async () => {
  if (missing !== null) return;
  program = await Program.build();
  const files = { loaderBytes: 65_536, kernelBytes: 65_536, initramfsBytes: 1_048_576 };
  site = await StormSite.open(program, { mode: "full", ...files });
}, 120_000);
afterAll(async () => {
  await site?.close();
  await program?.remove();
});

async function seen(terminal: Tmux, text: string | RegExp): Promise<string> {
  await expect
    .poll(() => terminal.screen().join("\n"), { timeout: 300_000, interval: 100 })
    .toMatch(text);
  return terminal.screen().join("\n");
}

describe.skipIf(missing !== null)(`on a terminal${missing ? ` (${missing})` : ""}`, () => {
  test.each([80, 120])(
    "watch shows simulated boots in %i columns, and answers keys",
    async (columns) => {
      const { serverHost, configurationFile } = site;
      const inside = ["ip", "netns", "exec", serverHost, process.execPath, program.entry];
      const terminal = new Tmux(`watch-${columns}`, { columns, rows: 24 }, [
        ...inside,
        "watch",
        "--config",
        configurationFile,
      ]);
      try {
        await seen(terminal, /machine/);
        await site.simulate("--nodes", "3");
        const list = await seen(terminal, /3 up/);
        expect(list.match(/● asked ● loader ● script ● Micro-OS ● up {2}\d+\.\d s/g)).toHaveLength(
          3,
        );
        expect(list).toContain("q quit");
        terminal.press("Down", "Enter");
        const detail = await seen(terminal, /Esc back/);
        expect(detail).toMatch(/initramfs-done +\d+\.\d s/);
        terminal.press("Escape");
        await seen(terminal, /f show others/);
        terminal.press("q");
        await seen(terminal, /^ended with 0/m);
      } finally {
        terminal.close();
      }
    },
  );

  test("watch into a pipe gives plain lines", async () => {
    const { serverHost, configurationFile } = site;
    await site.simulate("--nodes", "1");
    const guest = site.net.spawn(
      serverHost,
      process.execPath,
      program.entry,
      "watch",
      "--config",
      configurationFile,
    );
    await guest.said("micro-os");
    guest.signal("SIGINT");
    const { code, output } = await guest.ended();
    expect(code).toBe(0);
    expect(output).toMatch(/^\d\d:\d\d:\d\d {2}02:65:69:\S+ {2}uefi {7}script +after \d+\.\d s$/m);
    expect(output).not.toContain("\u001b");
  });

  test("watch ends with 5 where no server runs", async () => {
    const { code, err } = await program.run(["watch"], { EIM_PXE_DATADIR: "/nonexistent" });
    expect(code).toBe(5);
    expect(err).toContain("no server runs in /nonexistent");
  });

  test.each([80, 120])(
    "demo has a line for each machine that grows, in %i columns",
    async (columns) => {
      const command = [process.execPath, program.entry, "demo", "--once", "--nodes", "3"];
      const terminal = new Tmux(`demo-${columns}`, { columns, rows: 40 }, command);
      try {
        const screen = await seen(terminal, /^ended with 0/m);
        expect(
          screen.match(/^node \d {2}\S+ +● asked ● loader ● script ● Micro-OS ● up/gm),
        ).toHaveLength(3);
        expect(screen).toContain("Every machine is in its Micro-OS.");
      } finally {
        terminal.close();
      }
    },
  );
});
