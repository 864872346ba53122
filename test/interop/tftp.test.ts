import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDgram } from "../../src/net/dgram.ts";
import { openTransferUdp } from "../../src/net/transfer-socket.ts";
import type { UdpEndpoint } from "../../src/net/udp.ts";
import { randomBytes, randomNumbers } from "../support/random.ts";
import { TestServer } from "../support/tftp-server.ts";
import { reasonToSkip } from "../support/tools.ts";

const run = promisify(execFile);

interface Fetch {
  readonly server: UdpEndpoint;
  readonly remote: string;
  readonly local: string;
  readonly blksize: number;
  readonly windowsize: number;
}

interface Client {
  readonly name: string;
  readonly tool: string;
  readonly blksizes: readonly number[];
  readonly windowsizes: readonly number[];
  readonly args: (fetch: Fetch) => readonly string[];
  /** What its exit code and its messages say of ERROR 1. */
  readonly missing: RegExp;
}

function words(line: string): readonly string[] {
  return line.split(" ");
}

const clients: readonly Client[] = [
  {
    name: "curl",
    tool: "curl",
    blksizes: [8, 512, 1428, 65464],
    windowsizes: [1],
    args: ({ server, remote, local, blksize }) =>
      words(
        `--silent --show-error --max-time 60 --tftp-blksize ${blksize} --output ${local} ` +
          `tftp://${server.address}:${server.port}/${remote}`,
      ),
    missing: /^68 /,
  },
  {
    name: "tftp-hpa",
    tool: "tftp",
    // It knows no option for reading.
    blksizes: [512],
    windowsizes: [1],
    args: ({ server, remote, local }) =>
      words(`-m binary ${server.address} ${server.port} -c get ${remote} ${local}`),
    missing: /Error code 1: file not found/,
  },
  {
    name: "atftp",
    tool: "atftp",
    blksizes: [8, 512, 1428, 65464],
    windowsizes: [1, 4, 16, 64],
    args: ({ server, remote, local, blksize, windowsize }) => [
      "--option",
      `blksize ${blksize}`,
      "--option",
      `windowsize ${windowsize}`,
      ...words(`--get -r ${remote} -l ${local} ${server.address} ${server.port}`),
    ],
    missing: /file not found/i,
  },
  {
    name: "busybox tftp",
    tool: "busybox",
    // Its buffer of this size must hold the request too.
    blksizes: [64, 512, 1428, 65464],
    windowsizes: [1],
    args: ({ server, remote, local, blksize }) =>
      words(`tftp -g -b ${blksize} -r ${remote} -l ${local} ${server.address} ${server.port}`),
    missing: /server error: \(1\) file not found/i,
  },
];

const sizes = [0, 1, 511, 512, 513, 1024 * 1024];
const files = Object.fromEntries(
  sizes.map((size) => [`${size}.efi`, randomBytes(randomNumbers(size), size)]),
);

function checksum(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

describe.each(clients)("$name", (client) => {
  const skip = reasonToSkip({ tools: [client.tool] }) !== null;
  let folder: string;
  let server: TestServer;

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

  async function fetch(remote: string, blksize: number, windowsize: number): Promise<string> {
    const local = join(folder, `${remote}-${blksize}-${windowsize}`);
    const args = client.args({ server: server.endpoint, remote, local, blksize, windowsize });
    await run(client.tool, [...args], { timeout: 60_000 });
    return checksum(await readFile(local));
  }

  describe.each(client.windowsizes)("with windowsize %i", (windowsize) => {
    describe.each(client.blksizes)("and blksize %i", (blksize) => {
      it.skipIf(skip).each(sizes)("fetches %i bytes whole", async (size) => {
        const remote = `${size}.efi`;
        const fetched = await fetch(remote, blksize, windowsize);
        expect(fetched).toBe(checksum(files[remote] ?? new Uint8Array()));
      });
    });
  });

  it.skipIf(skip)("is told at once that a file does not exist", async () => {
    const local = join(folder, "missing");
    const wanted = { server: server.endpoint, remote: "missing.efi", local };
    const args = client.args({ ...wanted, blksize: 512, windowsize: 1 });
    // Some call it a success; what they print tells.
    const { code, stdout, stderr } = await run(client.tool, [...args], { timeout: 10_000 }).then(
      (output) => ({ code: 0, ...output }),
      (failure: { code: number; stdout: string; stderr: string }) => failure,
    );
    expect(`${code} ${stdout}${stderr}`).toMatch(client.missing);
    expect(server.events.at(-1)).toMatchObject({ event: "tftp-refused", errorCode: 1 });
  });
});
