import { Writable } from "node:stream";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, it } from "vitest";
import {
  LiveLines,
  machineLines,
  type ShownMachine,
} from "../../../src/commands/shared/machine-lines.ts";

const machine = (part: Partial<ShownMachine>): ShownMachine => ({
  name: "node 1",
  firmware: "uefi",
  stage: null,
  seconds: null,
  failure: null,
  ...part,
});

const plain = { columns: 80, colours: false };

describe("field fault 68: machineLines", () => {
  it.each([
    [{}, "○ asked ○ loader ○ script ○ Micro-OS ○ up"],
    [{ stage: "discover", seconds: 0.1 }, "◐ asked ○ loader ○ script ○ Micro-OS ○ up  0.1 s"],
    [{ stage: "loader-start", seconds: 1 }, "● asked ◐ loader ○ script ○ Micro-OS ○ up  1.0 s"],
    [{ stage: "kernel", seconds: 2 }, "● asked ● loader ● script ◐ Micro-OS ○ up  2.0 s"],
    [{ stage: "micro-os", seconds: 2.2 }, "● asked ● loader ● script ● Micro-OS ● up  2.2 s"],
    [
      { stage: "offer", failure: "no loader" },
      "● asked ✗ loader ○ script ○ Micro-OS ○ up  no loader",
    ],
  ] as const)("shows %j", (part, track) => {
    expect(machineLines([machine(part)], plain)).toEqual([`node 1  uefi  ${track}`]);
  });

  it("keeps to the width of the terminal, coloured or not", () => {
    const machines = [
      machine({ stage: "micro-os", seconds: 1, failure: "a very long sentence ".repeat(10) }),
      machine({ name: "node 12", firmware: "uefi-http" }),
    ];
    for (const columns of [20, 40, 80, 120]) {
      const [bare, painted] = [false, true].map((colours) =>
        machineLines(machines, { columns, colours }),
      );
      expect(bare?.every((line) => line.length <= columns)).toBe(true);
      expect(painted?.map((line) => stripVTControlCharacters(line).trimEnd())).toEqual(bare);
    }
  });

  it("has its columns one below the other", () => {
    const lines = machineLines(
      [machine({}), machine({ name: "node 10", firmware: "bios" })],
      plain,
    );
    expect(new Set(lines.map((line) => line.indexOf("○"))).size).toBe(1);
  });
});

describe("LiveLines", () => {
  it("draws again in the same place, and not at all when nothing changed", () => {
    const written: string[] = [];
    const out = new Writable({
      write(chunk, _, done) {
        written.push(String(chunk));
        done();
      },
    });
    const live = new LiveLines(out);
    live.draw(["a", "b"]);
    live.draw(["a", "b"]);
    live.draw(["a", "c"]);
    expect(written).toEqual(["\r\u001b[Ka\n\r\u001b[Kb\n", "\u001b[2A\r\u001b[Ka\n\r\u001b[Kc\n"]);
  });
});
