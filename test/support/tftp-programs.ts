import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { createClient } from "tftp";
import type { UdpEndpoint } from "../../src/net/udp.ts";
import { reasonToSkip } from "./tools.ts";

/** Only for a client that hangs: on a machine with eight busy processes 100 MiB in windows of 4 MiB take over a minute. */
const usualTimeoutMs = 240_000;

/** One download by a client that is not ours. */
export interface Fetch extends TftpTerms {
  readonly server: UdpEndpoint;
  readonly remote: string;
  /** The file to write. */
  readonly local: string;
  readonly timeoutMs?: number;
}

export interface TftpTerms {
  readonly blksize: number;
  readonly windowsize: number;
}

/** A TFTP client that is not ours, with what it can be told. */
export interface TftpProgram {
  readonly name: string;
  /** Why it cannot be run here, or null. */
  readonly missing: string | null;
  readonly terms: readonly TftpTerms[];
  /** Rejects when the client says that it failed; not every one does. Resolves with what it printed. */
  readonly fetch: (wanted: Fetch) => Promise<string>;
  /** Its exit code and messages after ERROR 1. */
  readonly notFound: RegExp;
}

const blksizes = [8, 512, 1024, 1428, 1468, 8192, 65464];
const windowsizes = [1, 4, 16, 64];
const run = promisify(execFile);

function allOf(sizes: readonly number[], windows: readonly number[]): readonly TftpTerms[] {
  return windows.flatMap((windowsize) => sizes.map((blksize) => ({ blksize, windowsize })));
}

export const curl = program({
  name: "curl",
  tool: "curl",
  terms: allOf(blksizes, [1]),
  args: ({ server, remote, local, blksize, timeoutMs = usualTimeoutMs }) =>
    words(
      `--silent --show-error --max-time ${timeoutMs / 1000} --tftp-blksize ${blksize} ` +
        `--output ${local} tftp://${server.address}:${server.port}/${remote}`,
    ),
  notFound: /^68 /,
});

export const atftp = program({
  name: "atftp",
  tool: "atftp",
  terms: allOf(blksizes, windowsizes),
  args: ({ server, remote, local, blksize, windowsize }) => [
    "--option",
    `blksize ${blksize}`,
    "--option",
    `windowsize ${windowsize}`,
    ...words(`--get -r ${remote} -l ${local} ${server.address} ${server.port}`),
  ],
  notFound: /file not found/i,
});

export const busybox = program({
  name: "busybox tftp",
  tool: "busybox",
  // Its buffer of this size must hold the request too.
  terms: allOf([64, ...blksizes.slice(1)], [1]),
  args: ({ server, remote, local, blksize }) =>
    words(`tftp -g -b ${blksize} -r ${remote} -l ${local} ${server.address} ${server.port}`),
  notFound: /server error: \(1\) file not found/i,
});

export const tftpHpa = program({
  name: "tftp-hpa",
  tool: "tftp",
  // It knows no option for reading.
  terms: allOf([512], [1]),
  args: ({ server, remote, local }) =>
    words(`-m binary ${server.address} ${server.port} -c get ${remote} ${local}`),
  notFound: /Error code 1: file not found/,
});

/**
 * The npm package, in this process. Its repetitions come after 250 ms, and it asks us for 250 s. It cannot
 * go on after a gap in a window of more than one block, so windows must fit into its socket.
 */
export const tftpPackage: TftpProgram = {
  name: "the npm package tftp",
  missing: null,
  terms: allOf(blksizes, windowsizes).filter(
    ({ blksize, windowsize }) => blksize * windowsize <= 100_000,
  ),
  fetch: async (wanted) => {
    for (let time = 1; ; time++) {
      try {
        return await fetchByPackage(wanted);
      } catch (error) {
        // Where an OACK comes twice it gives up, whoever sent it again: the link, or a server that heard nothing of it
        // for long, as on a busy machine. There its socket may overflow too, which makes a gap.
        const isItsOwn = /Illegal TFTP operation/.test(String(error));
        const mayBeGap = wanted.windowsize > 1 && /Timed out/.test(String(error));
        if (time === 20 || (!isItsOwn && !mayBeGap)) throw error;
      }
    }
  },
  notFound: /\(Server\) file not found/,
};

function fetchByPackage({ server, remote, local, blksize, windowsize }: Fetch): Promise<string> {
  return new Promise((resolve, reject) => {
    const { address: host, port } = server;
    const terms = { blockSize: blksize, windowSize: windowsize, retries: 20, timeout: 250 };
    createClient({ host, port, ...terms }).get(remote, local, (error) => {
      if (error === undefined || error === null) resolve("");
      else reject(error);
    });
  });
}

export const tftpPrograms = [curl, atftp, busybox, tftpHpa, tftpPackage] as const;

function program(own: {
  readonly name: string;
  readonly tool: string;
  readonly terms: readonly TftpTerms[];
  readonly args: (wanted: Fetch) => readonly string[];
  readonly notFound: RegExp;
}): TftpProgram {
  const { name, tool, args, notFound } = own;
  return {
    name,
    missing: reasonToSkip({ tools: [tool] }),
    terms: own.terms,
    notFound,
    fetch: async (wanted) => {
      const { timeoutMs = usualTimeoutMs } = wanted;
      const { stdout, stderr } = await run(tool, [...args(wanted)], { timeout: timeoutMs });
      return `0 ${stdout}${stderr}`;
    },
  };
}

function words(line: string): readonly string[] {
  return line.split(" ");
}
