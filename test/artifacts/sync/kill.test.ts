import { readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { z } from "zod";
import type { Content } from "../../../src/demo/orchestrator.ts";
import { makeMicroOs, orchestratorBootScript } from "../../../src/demo/micro-os.ts";
import { Program } from "../../support/command.ts";
import { rounds } from "../../support/cases.ts";
import { held, MirrorSite, sums } from "../../support/orchestrator.ts";
import { randomNumbers } from "../../support/random.ts";

const kills = rounds(100, 25);
const mirroredBytes = 3_000_000;

let program: Program;
beforeAll(async () => {
  program = await Program.build();
});
afterAll(() => program.remove());

function release(seed: string): Map<string, Content> {
  const { kernel, initramfs } = makeMicroOs({
    kernelBytes: 400_000,
    initramfsBytes: mirroredBytes,
    seed,
  });
  const script = orchestratorBootScript("https://tinkerbell-haproxy.example.com/tink-stack");
  return new Map<string, Content>([
    ["boot.ipxe", Buffer.from(`${script}# release ${seed}\n`)],
    ["vmlinuz-x86_64", kernel],
    ["initramfs-x86_64", initramfs],
  ]);
}

const record = z.looseObject({
  name: z.string(),
  size: z.number().nullable(),
  sha256: z.string().nullable(),
});

/** What a killed synchronisation left of each file: all of it, or so many bytes. */
function leftBehind(folder: string): Map<string, number | "whole"> {
  const left = new Map<string, number | "whole">();
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
    const { name, size, sha256 } = record.parse(
      JSON.parse(readFileSync(join(folder, file), "utf8")),
    );
    const data = join(folder, file.replace(/json$/, "data"));
    const bytes = statSync(data, { throwIfNoEntry: false })?.size ?? 0;
    left.set(name, sha256 !== null || bytes === size ? "whole" : bytes);
  }
  return left;
}

it(`survives ${kills} kills at any moment of a synchronisation`, async () => {
  const site = await MirrorSite.open(release("0"));
  const incoming = join(site.folder, "artifacts", "incoming");
  const ca = join(site.folder, "ca.pem");
  const environment = {
    EIM_PXE_DATA_DIR: site.folder,
    EIM_PXE_ARTIFACTS__ORIGIN: site.orchestrator.url(),
    EIM_PXE_ARTIFACTS__CA__FILE: ca,
    // So that a run takes about as long as the program takes to start.
    EIM_PXE_ARTIFACTS__MAX_BYTES_PER_SECOND: "12000000",
  };
  writeFileSync(ca, site.certificate.cert);
  const known = new Map<string, string>([[digest(release("0")), "0"]]);
  await site.mirror(await site.openStore()).sync();
  const chance = randomNumbers(20_260_512);
  const seen = { untouched: 0, partial: 0, whole: 0, published: 0 };
  for (let round = 1; round <= kills; round++) {
    const files = release(`${round}`);
    known.set(digest(files), `${round}`);
    for (const [name, content] of files) site.orchestrator.replace(name, content);
    const asked = new Promise<void>((resolve) => {
      site.orchestrator.intercept(() => {
        resolve();
        return false;
      });
    });
    const sync = program.start(["sync"], environment);
    // From the first request on: before it there is nothing to be broken.
    await Promise.race([asked, sync.finished()]);
    // On a busy machine a run takes longer than most waits: some are for its end.
    const waitMs = round % 5 === 0 ? 600 + chance(1500) : chance(450);
    await Promise.race([new Promise((resolve) => setTimeout(resolve, waitMs)), sync.finished()]);
    sync.kill("SIGKILL");
    await sync.finished();
    site.orchestrator.intercept(null);

    const left = leftBehind(incoming);
    const store = await site.openStore();
    const current = await held(store.current());
    const served = known.get(JSON.stringify(current));
    expect(served, `round ${round} serves a set that never was`).toBeDefined();
    const published = served === `${round}`;
    const { fetched } = await site.mirror(store).sync();
    expect(await held(store.current())).toEqual(sums(files));
    expect(await site.staging()).toEqual([]);
    for (const { file, bytes } of fetched) {
      const had = left.get(file) ?? 0;
      expect(had, `round ${round}: ${file} was there and was fetched again`).not.toBe("whole");
      const size = files.get(file)?.length ?? 0;
      expect(bytes).toBe(size - (typeof had === "number" ? had : 0));
    }
    if (published) seen.published += 1;
    else if (left.size === 0) seen.untouched += 1;
    else if (left.get("initramfs-x86_64") === "whole") seen.whole += 1;
    else seen.partial += 1;
    await store.close();
  }
  await site.close();
  // The moments were spread over the whole of a run.
  expect(seen.partial).toBeGreaterThan(kills / 5);
  expect(seen.whole + seen.published).toBeGreaterThan(kills / 20);
});

function digest(files: ReadonlyMap<string, Content>): string {
  return JSON.stringify(sums(files));
}
