import { describe, expect, test } from "vitest";
import {
  failedLoader,
  loaded,
  loaderFor,
  LoaderChoiceTable,
  loaderRan,
  type MachineLoader,
  reported,
} from "../../src/boot/loader-choice.ts";
import type { Plan } from "../../src/boot/policy.ts";
import { nodeEntry } from "../support/node-entry.ts";

const mac = "08:00:27:29:4e:67";
const start = Date.parse("2026-03-06T10:00:00Z");
const minute = 60_000;
const day = 24 * 60 * minute;
const unknown: MachineLoader = { proven: null, trial: null };
const siblings = new Map([
  ["ipxe.efi", ["snponly.efi"]],
  ["snponly.efi", ["ipxe.efi"]],
]);

/** It fetches these one minute after the other, and nothing is heard of any. */
function after(machine: MachineLoader, ...files: readonly string[]): MachineLoader {
  return files.reduce((one, file, index) => loaded(one, file, start + index * minute), machine);
}
const given = (machine: MachineLoader, nowMs = start + 10 * minute, planned = "ipxe.efi") =>
  loaderFor(machine, planned, siblings, nowMs);

describe("a loader that stays silent", () => {
  test("twice is followed by the one of the other kind", () => {
    expect(given(unknown)).toBe("ipxe.efi");
    expect(given(after(unknown, "ipxe.efi"))).toBe("ipxe.efi");
    expect(given(after(unknown, "ipxe.efi", "ipxe.efi"))).toBe("snponly.efi");
    expect(given(after(unknown, "ipxe.efi", "ipxe.efi", "snponly.efi"))).toBe("snponly.efi");
    const other = after(unknown, "snponly.efi", "snponly.efi");
    expect(given(other, start, "snponly.efi")).toBe("ipxe.efi");
  });

  test("is what the machine is given again where the other one says nothing either", () => {
    const both = after(unknown, "ipxe.efi", "ipxe.efi", "snponly.efi", "snponly.efi");
    expect(given(both)).toBe("ipxe.efi");
    expect(given(loaded(both, "ipxe.efi", start + 5 * minute))).toBe("ipxe.efi");
  });

  test("is none where iPXE is heard in between", () => {
    const heard = loaderRan(after(unknown, "ipxe.efi"), mac, start + minute);
    expect(heard).toEqual(unknown);
    expect(given(after(heard, "ipxe.efi"))).toBe("ipxe.efi");
  });

  test("is forgotten after a day", () => {
    const twice = after(unknown, "ipxe.efi", "ipxe.efi");
    expect(given(twice, start + day)).toBe("snponly.efi");
    expect(given(twice, start + minute + day + 1)).toBe("ipxe.efi");
    expect(loaded(twice, "ipxe.efi", start + 2 * day).trial?.loads).toBe(1);
  });

  test("stays where there is no other one", () => {
    const twice = after(unknown, "custom.efi", "custom.efi");
    expect(loaderFor(twice, "custom.efi", siblings, start)).toBe("custom.efi");
    expect(loaderFor(after(unknown, "ipxe.efi", "ipxe.efi"), "ipxe.efi", new Map(), start)).toBe(
      "ipxe.efi",
    );
  });

  test("is reported once", () => {
    const twice = after(unknown, "ipxe.efi", "ipxe.efi");
    expect(failedLoader(after(unknown, "ipxe.efi"))).toBeNull();
    expect(failedLoader(twice)).toBe("ipxe.efi");
    expect(failedLoader(reported(twice))).toBeNull();
    expect(reported(unknown)).toEqual(unknown);
  });
});

describe("the loader that runs in its place", () => {
  const tried = after(unknown, "ipxe.efi", "ipxe.efi", "snponly.efi");
  const proven = loaderRan(tried, mac, start + 3 * minute);

  test("is kept, and given at once from then on", () => {
    expect(proven).toEqual({
      proven: {
        mac,
        loader: "snponly.efi",
        insteadOf: "ipxe.efi",
        provenAtMs: start + 3 * minute,
      },
      trial: null,
    });
    expect(given(proven, start + 100 * day)).toBe("snponly.efi");
    // Another one is planned for it since.
    expect(loaderFor(proven, "undionly.kpxe", siblings, start)).toBe("undionly.kpxe");
  });

  test("is given up as well when it stays silent, and forgotten when the first one runs again", () => {
    const silent = after(proven, "snponly.efi", "snponly.efi");
    expect(given(silent)).toBe("ipxe.efi");
    expect(loaderRan(loaded(silent, "ipxe.efi", start), mac, start)).toEqual(unknown);
  });

  test("is not proved by what is heard much later, or without a load", () => {
    expect(loaderRan(tried, mac, start + 60 * minute)).toEqual(unknown);
    expect(loaderRan(unknown, mac, start)).toEqual(unknown);
  });
});

describe("the plan", () => {
  const table = new LoaderChoiceTable(2);
  table.siblings = siblings;
  table.put(mac, after(unknown, "ipxe.efi", "ipxe.efi"));
  const tftp: Plan = { kind: "loader", transport: "tftp", file: "ipxe.efi" };
  const base = "http://192.168.77.1:8080";

  test("has the other loader, by TFTP and by URL", () => {
    expect(table.applied(tftp, mac, null, start)).toEqual({ ...tftp, file: "snponly.efi" });
    const http: Plan = { ...tftp, transport: "http", url: `${base}/${mac}/ipxe.efi` };
    expect(table.applied(http, mac, null, start)).toMatchObject({
      file: "snponly.efi",
      url: `${base}/${mac}/snponly.efi`,
    });
  });

  test("keeps the loader of a node's own, and every plan of another kind", () => {
    const node = nodeEntry({ mac, loader: "ipxe.efi" });
    expect(table.applied(tftp, mac, node, start)).toBe(tftp);
    const script: Plan = { kind: "script", url: `${base}/boot.ipxe` };
    expect(table.applied(script, mac, null, start)).toBe(script);
    expect(table.applied(tftp, "08:00:27:00:00:01", null, start)).toBe(tftp);
  });

  test("is learnt of so many machines only, and those that are known stay", () => {
    const proven = (one: string) => ({
      proven: { mac: one, loader: "snponly.efi", insteadOf: "ipxe.efi", provenAtMs: start },
      trial: null,
    });
    for (const one of ["a", "b", "c"]) table.put(one, proven(one));
    expect(table.proven().map((one) => one.mac)).toEqual(["a", "b"]);
    table.put("a", unknown);
    expect(table.proven().map((one) => one.mac)).toEqual(["b"]);
  });
});

describe("a machine whose firmware starts signed loaders only", () => {
  const signed = new Map([
    ["ipxe.efi", ["shimx64.efi", "ipxe-site.efi", "snponly.efi"]],
    ["shimx64.efi", ["ipxe-site.efi"]],
  ]);
  const next = (machine: MachineLoader) =>
    loaderFor(machine, "ipxe.efi", signed, start + 10 * minute);

  test("is given one after the other, each twice", () => {
    const refused = after(unknown, "ipxe.efi", "ipxe.efi");
    expect(next(refused)).toBe("shimx64.efi");
    const shimRefused = after(refused, "shimx64.efi", "shimx64.efi");
    expect(next(shimRefused)).toBe("ipxe-site.efi");
    const all = after(shimRefused, "ipxe-site.efi", "ipxe-site.efi", "snponly.efi", "snponly.efi");
    expect(next(all)).toBe("ipxe.efi");
  });

  test("keeps the shim that runs, whose second stage is no loader of its own", () => {
    const refused = after(unknown, "ipxe.efi", "ipxe.efi");
    const shim = loaded(refused, "shimx64.efi", start + 5 * minute);
    const second = loaded(shim, "ipxe.efi", start + 5 * minute + 2000);
    expect(second.trial?.loader).toBe("shimx64.efi");
    const ran = loaderRan(second, mac, start + 6 * minute);
    expect(ran.proven).toMatchObject({ loader: "shimx64.efi", insteadOf: "ipxe.efi" });
    expect(next(ran)).toBe("shimx64.efi");
  });
});
