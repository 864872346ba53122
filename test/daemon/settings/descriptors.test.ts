import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readDescriptorLimit, shareDescriptors } from "../../../src/daemon/settings/descriptors.ts";

const wanted = { transfers: 1000, connections: 1024, links: 1, singlePort: false };

describe("field fault 51: file descriptors", () => {
  it.each([
    [Infinity, 1000, 1024],
    [20_000, 1000, 1024],
    [4096, 994, 1024],
    [1024, 226, 452],
    [256, 34, 68],
    [128, 4, 8],
    [64, 4, 8],
  ])(
    "of a limit of %d are for %i transfers and %i connections",
    (limit, transfers, connections) => {
      expect(shareDescriptors(limit, wanted)).toEqual({ transfers, connections });
    },
  );

  it("are for HTTP alone where transfers share the listening port", () => {
    const shares = shareDescriptors(1024, { ...wanted, singlePort: true });
    expect(shares).toEqual({ transfers: 1000, connections: 904 });
  });

  it("that few transfers leave are for HTTP", () => {
    const shares = shareDescriptors(1024, { ...wanted, transfers: 50, links: 2 });
    expect(shares).toEqual({ transfers: 50, connections: 796 });
  });

  it("are as many as the kernel says, or unlimited where it does not", () => {
    const folder = mkdtempSync(join(tmpdir(), "eim-pxe-limits-"));
    const file = join(folder, "limits");
    const rows = (soft: string) =>
      `Limit  Soft Limit  Hard Limit  Units\nMax open files   ${soft}   4096   files\n`;
    const limits = ["1024", "unlimited"].map((soft) => {
      writeFileSync(file, rows(soft));
      return readDescriptorLimit(file);
    });
    rmSync(folder, { recursive: true });
    expect([...limits, readDescriptorLimit(file)]).toEqual([1024, Infinity, Infinity]);
    expect(readDescriptorLimit()).toBeGreaterThan(16);
  });
});
