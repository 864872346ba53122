import { mkdir, readFile, stat } from "node:fs/promises";
import { createServer, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { printable, toText } from "../../lib/bytes.ts";
import { BindError, ConfigError, errnoOf, messageOf } from "../../lib/errors.ts";

/** What a process that works in a data folder says of itself to whoever asks. */
const workerSchema = z.object({
  pid: z.int(),
  /** `serve`, `sync`, … */
  purpose: z.string(),
  dataDir: z.string(),
  /** Base URL of its admin port; null while it has none. */
  admin: z.url().nullable(),
  /** What it has open, such as `tftp 192.168.77.1:69`. */
  sockets: z.array(z.string()),
});
export type Worker = z.output<typeof workerSchema>;

/** Another process works in the data folder. */
export class FolderInUseError extends BindError {
  /** What it does there, `serve` or a command; null where it does not answer. */
  readonly purpose: string | null;

  constructor(dataDir: string, worker: Worker | null) {
    const who = worker === null ? "it does not answer" : `pid ${worker.pid}, ${worker.purpose}`;
    super(
      `another eim-pxe works in ${dataDir} already (${who}): wait for it or ` +
        "stop it, or give this one a dataDir of its own",
    );
    this.purpose = worker?.purpose ?? null;
  }
}

/** Held while a process works in a data folder. */
export interface FolderLock {
  /** Says from now on what the process has open. */
  describe(open: () => Pick<Worker, "admin" | "sockets">): void;
  release(): Promise<void>;
}

export interface LockOptions {
  readonly dataDir: string;
  readonly pid: number;
  /** What the holder does, for whoever comes after it: `serve`, `sync`. */
  readonly purpose: string;
  /** How long to wait for a command that holds it; a server is never waited for. */
  readonly patienceMs: number;
  /** Ends the waiting: it rejects with the signal's reason then. */
  readonly signal?: AbortSignal;
}

// A command ends sooner or later; looking costs nothing.
const lookEveryMs = 100;
// The holder's answer is one line from the same machine.
const answerMs = 1000;
// A server of hundreds of links says less.
const mostAnswer = 64 * 1024;

/**
 * Makes sure that one process at a time works in a data folder. The lock is a name of the kernel's (a
 * Unix socket in the abstract namespace) made of the folder's device and inode: it is gone with the
 * process, however that ends, and no stale file can keep the next one out.
 *
 * @throws FolderInUseError that says who holds it, ConfigError when the folder cannot be used
 */
export async function lockFolder(options: LockOptions): Promise<FolderLock> {
  const { dataDir, pid, purpose, patienceMs, signal } = options;
  const name = await nameOf(dataDir);
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    const lock = await takeLock(name, { pid, purpose, dataDir });
    if (lock !== null) return lock;
    const worker = await askWorker(name);
    if (worker?.purpose === "serve" || performance.now() >= deadlineMs) {
      throw new FolderInUseError(dataDir, worker);
    }
    await sleep(lookEveryMs, undefined, signal === undefined ? {} : { signal });
  }
}

async function nameOf(dataDir: string): Promise<string> {
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o750 });
    const { dev, ino } = await stat(dataDir, { bigint: true });
    return `\0eim-pxe-${dev.toString(16)}-${ino.toString(16)}`;
  } catch (error) {
    throw new ConfigError([`dataDir: ${dataDir} cannot be used: ${messageOf(error)}`]);
  }
}

const nothingYet = () => ({ admin: null, sockets: [] });

type Constant = Pick<Worker, "pid" | "purpose" | "dataDir">;

function takeLock(name: string, about: Constant): Promise<FolderLock | null> {
  return new Promise((resolve, reject) => {
    let open: () => Pick<Worker, "admin" | "sockets"> = nothingYet;
    const server = createServer((socket) => {
      socket.on("error", () => {});
      // Whoever asks and does not hang up keeps no server from ending.
      socket.end(`${JSON.stringify({ ...about, ...open() })}\n`, () => socket.destroy());
    });
    server.once("error", (error) => {
      if (errnoOf(error) === "EADDRINUSE") resolve(null);
      else reject(error);
    });
    server.listen(name, () => {
      // It ends with the process, and keeps none alive.
      server.unref();
      resolve({
        describe: (how) => {
          open = how;
        },
        release: () => new Promise((released) => server.close(() => released())),
      });
    });
  });
}

/** What is said there; null when the worker is gone meanwhile or busy, or when it is no eim-pxe. */
function askWorker(name: string): Promise<Worker | null> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(name);
    const done = (): void => {
      socket.destroy();
      resolve(readWorker(answer));
    };
    socket.setTimeout(answerMs, done);
    socket.on("data", (chunk: Uint8Array) => {
      if (answer.length < mostAnswer) answer += toText(chunk);
    });
    socket.once("error", done).once("close", done);
  });
}

/** Whoever may open a socket can take such a name, so what is said is for texts only. */
function readWorker(answer: string): Worker | null {
  try {
    const parsed: unknown = JSON.parse(answer);
    const worker = workerSchema.safeParse(parsed).data;
    if (worker === undefined) return null;
    const { pid, purpose, dataDir, admin, sockets } = worker;
    const safe = { purpose: printable(purpose, 40), dataDir: printable(dataDir, 400) };
    return { pid, ...safe, admin: admin === null ? null : printable(admin), sockets };
  } catch {
    return null;
  }
}

/**
 * Every eim-pxe that works on this host, of whichever user and folder: names of the abstract namespace are seen and
 * asked by all who share the network, as the ports are.
 */
export async function workersHere(): Promise<readonly Worker[]> {
  const table = await readFile("/proc/self/net/unix", "latin1").catch(() => "");
  // Node 20 fills the name up with zero bytes, which are shown as @ too.
  const names = new Set(table.match(/(?<= @)eim-pxe-[0-9a-f]+-[0-9a-f]+(?=@*$)/gm));
  const workers = await Promise.all([...names].map((name) => askWorker(`\0${name}`)));
  return workers.filter((worker) => worker !== null);
}
