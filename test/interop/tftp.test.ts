import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDgram } from "../../src/net/dgram.ts";
import { openTransferUdp } from "../support/transfer-socket.ts";
import { fileOfSize } from "../support/random.ts";
import { TestServer } from "../support/tftp-server.ts";
import { TftpClient } from "../support/tftp-client.ts";
import { atftp, type TftpProgram, tftpPrograms, type TftpTerms } from "../support/tftp-programs.ts";

const MIB = 1024 * 1024;
const small = [0, 1, 511, 512, 513, 1467, 1468, 1469];

function checksum(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

const files = Object.fromEntries(
  [...small, MIB, 33 * MIB, 100 * MIB].map((size) => [`${size}.efi`, fileOfSize(size)]),
);
const sums = Object.fromEntries(
  Object.entries(files).map(([name, bytes]) => [name, checksum(bytes)]),
);

let folder: string;
let server: TestServer;
let count = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "eim-pxe-tftp-"));
  server = await TestServer.start(files, {
    openUdp: openDgram,
    openTransferUdp,
    limits: { maxBlockSize: 65464 },
  });
});

afterAll(async () => {
  await server.close();
  await rm(folder, { recursive: true });
});

/** What a client says that it fetched, as checksums. */
async function fetchAll(
  { fetch }: TftpProgram,
  terms: TftpTerms,
  sizes: readonly number[],
): Promise<Record<string, string>> {
  const fetched: Record<string, string> = {};
  for (const size of sizes) {
    const remote = `${size}.efi`;
    const local = join(folder, `${count++}`);
    await fetch({ server: server.endpoint, remote, local, ...terms });
    fetched[remote] = checksum(await readFile(local));
    await rm(local);
  }
  return fetched;
}

function sumsOf(sizes: readonly number[]): Record<string, string | undefined> {
  return Object.fromEntries(sizes.map((size) => [`${size}.efi`, sums[`${size}.efi`]]));
}

describe.each(tftpPrograms)("$name", (program) => {
  const skip = program.missing !== null;
  it.skipIf(skip).each(program.terms)(
    "fetches small files and a MiB with blksize $blksize and windowsize $windowsize",
    async (asked) => {
      // A MiB in blocks of 8 bytes is 131,073 of them: more than 65,536, so the numbers wrap.
      const sizes = [...small, MIB];
      expect(await fetchAll(program, asked, sizes)).toEqual(sumsOf(sizes));
    },
  );

  it.skipIf(skip)(
    "fetches 33 MiB in blocks of 512 bytes, past the wrap of block numbers",
    async () => {
      const asked = program.terms.findLast(({ blksize }) => blksize === 512);
      expect(asked && (await fetchAll(program, asked, [33 * MIB]))).toEqual(sumsOf([33 * MIB]));
    },
  );

  it.skipIf(skip).each(
    // The last of each: with the largest window.
    [1468, 65464].flatMap((size) => {
      const asked = program.terms.findLast(({ blksize }) => blksize === size);
      return asked === undefined ? [] : [asked];
    }),
  )("fetches 100 MiB with blksize $blksize and windowsize $windowsize", async (asked) => {
    expect(await fetchAll(program, asked, [100 * MIB])).toEqual(sumsOf([100 * MIB]));
  });

  it.skipIf(skip)("is told at once that a file does not exist", async () => {
    const local = join(folder, "missing");
    const wanted = { server: server.endpoint, remote: "missing.efi", local };
    // Some call it a success; what they print tells.
    const said = await program
      .fetch({ ...wanted, blksize: 512, windowsize: 1, timeoutMs: 10_000 })
      .catch((failure: Partial<Record<"code" | "stdout" | "stderr" | "message", unknown>>) => {
        const { code, stdout, stderr, message } = failure;
        return code === undefined ? String(message) : [code, stdout, stderr].join(" ");
      });
    expect(said).toMatch(program.notFound);
    expect(server.events.at(-1)).toMatchObject({ event: "tftp-refused", errorCode: 1 });
  });
});

describe("a client that takes all it can get", () => {
  it.skipIf(atftp.missing !== null)("does not keep others waiting", async () => {
    const state = { over: false };
    const fast = fetchAll(atftp, { blksize: 1468, windowsize: 64 }, [100 * MIB]).finally(() => {
      state.over = true;
    });
    const slow = await TftpClient.open(openDgram);
    let fetched = 0;
    while (!state.over) {
      const bytes = await slow.fetch(server.endpoint, "1469.efi", { blksize: 1468 });
      if (bytes instanceof Uint8Array && checksum(bytes) === sums["1469.efi"]) fetched += 1;
    }
    await slow.close();
    expect(await fast).toEqual(sumsOf([100 * MIB]));
    // One after the other, each of two blocks: hundreds, unless they wait for the other's end.
    expect(fetched).toBeGreaterThan(20);
  });
});
