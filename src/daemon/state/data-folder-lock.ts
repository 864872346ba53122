import { mkdir, stat } from "node:fs/promises";
import { createServer, connect } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { printable, toText } from "../../lib/bytes.ts";
import { BindError, ConfigError, errnoOf, messageOf, SyncError } from "../../lib/errors.ts";

/** Held while a process works in a data folder. */
export interface FolderLock {
  release(): Promise<void>;
}

export interface LockOptions {
  readonly dataDir: string;
  readonly pid: number;
  /** What the holder does, for whoever comes after it: `serve`, `sync`. */
  readonly purpose: string;
  /** How long to wait for a command that holds it; a server is never waited for. */
  readonly patienceMs: number;
}

// A command ends sooner or later; looking costs nothing.
const lookEveryMs = 100;
// The holder's answer is one line from the same machine.
const answerMs = 1000;

/**
 * Makes sure that one process at a time works in a data folder. The lock is a name of the kernel's (a
 * Unix socket in the abstract namespace) made of the folder's device and inode: it is gone with the
 * process, however that ends, and no stale file can keep the next one out.
 *
 * @throws BindError that says who holds it, ConfigError when the folder cannot be used
 */
export async function lockFolder(options: LockOptions): Promise<FolderLock> {
  const { dataDir, pid, purpose, patienceMs } = options;
  const name = await nameOf(dataDir);
  const deadlineMs = performance.now() + patienceMs;
  for (;;) {
    const lock = await takeLock(name, `${pid} ${purpose}\n`);
    if (lock !== null) return lock;
    const [holderPid = "?", holderPurpose = "another command"] = (await askHolder(name)).split(" ");
    if (holderPurpose === "serve" || performance.now() >= deadlineMs) {
      throw new BindError(
        `another eim-pxe works in ${dataDir} already (pid ${holderPid}, ${holderPurpose}): wait for it or ` +
          "stop it, or give this one a dataDir of its own",
      );
    }
    await sleep(lookEveryMs);
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

function takeLock(name: string, about: string): Promise<FolderLock | null> {
  return new Promise((resolve, reject) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.end(about);
    });
    server.once("error", (error) => {
      if (errnoOf(error) === "EADDRINUSE") resolve(null);
      else reject(error);
    });
    server.listen(name, () => {
      // It ends with the process, and keeps none alive.
      server.unref();
      resolve({
        release: () => new Promise((released) => server.close(() => released())),
      });
    });
  });
}

/** `PID PURPOSE`, or nothing when the holder is gone meanwhile or busy. */
function askHolder(name: string): Promise<string> {
  return new Promise((resolve) => {
    let answer = "";
    const socket = connect(name);
    const done = (): void => {
      socket.destroy();
      resolve(printable(answer.trim(), 40));
    };
    socket.setTimeout(answerMs, done);
    socket.on("data", (chunk: Uint8Array) => {
      if (answer.length < 100) answer += toText(chunk);
    });
    socket.once("error", done).once("close", done);
  });
}

/** How long a command waits for another one that works in the folder, such as a timer's synchronisation. */
export const commandPatienceMs = 60_000;

/** The lock for a command that ends by itself. @throws SyncError that says who holds it */
export async function lockForCommand(
  { pid }: { readonly pid: number },
  dataDir: string,
  purpose: string,
): Promise<FolderLock> {
  try {
    return await lockFolder({ dataDir, pid, purpose, patienceMs: commandPatienceMs });
  } catch (error) {
    if (error instanceof BindError) throw new SyncError(error.message, { cause: error });
    throw error;
  }
}
