import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import {
  chmodSync,
  chownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { once } from "node:events";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { reasonToSkip } from "./tools.ts";

/*
 * A PostgreSQL of the test's own, in memory: Debian's package `postgresql`, which starts none by itself here. It runs as
 * the user postgres, since it refuses to run as root.
 */

const versions = "/usr/lib/postgresql";

/** The folder of its programs; null where it is not installed. */
function programs(): string | null {
  try {
    const newest = readdirSync(versions).toSorted((a, b) => Number(b) - Number(a))[0];
    return newest === undefined ? null : join(versions, newest, "bin");
  } catch {
    return null;
  }
}

/** As `reasonToSkip`. */
export function postgresMissing(): string | null {
  return reasonToSkip({ tools: [versions, "runuser", "psql"], root: true });
}

export interface PostgresOptions {
  /** Words before the program, such as `ip netns exec NAME`. */
  readonly by?: readonly string[];
  /** By the network as well as by its socket; default: by its socket only. */
  readonly listen?: { readonly address: string; readonly port: number };
  /** Its commits are on the disk, as the package's own are; default: in memory, and not waited for. */
  readonly durable?: boolean;
}

export class Postgres {
  readonly folder: string;
  /** To be named in `leases.store.postgres.urlFile`. */
  readonly urlFile: string;
  readonly #bin = programs() ?? "";
  readonly #options: PostgresOptions;
  #process: ChildProcess | null = null;

  private constructor(options: PostgresOptions) {
    this.#options = options;
    this.folder = mkdtempSync(join(options.durable ? tmpdir() : "/dev/shm", "eim-pxe-postgres-"));
    this.urlFile = join(this.folder, "database.url");
    chmodSync(this.folder, 0o755);
    const own = join(this.folder, "own");
    mkdirSync(own);
    const [uid, gid] = ["-u", "-g"].map((which) =>
      Number(execFileSync("id", [which, "postgres"], { encoding: "utf8" })),
    );
    chownSync(own, uid ?? 0, gid ?? 0);
    const initdb = ["initdb", "-D", join(own, "data"), "-A", "trust", "--no-sync", "-E", "UTF8"];
    execFileSync("runuser", [
      "-u",
      "postgres",
      "--",
      join(this.#bin, initdb[0] ?? ""),
      ...initdb.slice(1),
    ]);
    writeFileSync(this.urlFile, `${this.url}\n`, { mode: 0o600 });
  }

  static async open(options: PostgresOptions = {}): Promise<Postgres> {
    const postgres = new Postgres(options);
    await postgres.start();
    return postgres;
  }

  /** Where its socket is. */
  get socketFolder(): string {
    return join(this.folder, "own");
  }

  get url(): string {
    return this.urlOf("postgres");
  }

  urlOf(database: string): string {
    const { listen } = this.#options;
    return listen === undefined
      ? `postgres://postgres@/${database}?host=${this.socketFolder}`
      : `postgres://postgres@${listen.address}:${listen.port}/${database}?sslmode=disable`;
  }

  /** Resolves when it answers. */
  async start(): Promise<void> {
    const { by = [], listen } = this.#options;
    const own = join(this.folder, "own");
    const words = [
      ...by,
      ...`runuser -u postgres -- ${join(this.#bin, "postgres")} -D ${join(own, "data")}`.split(" "),
      ...`-k ${own} -p ${listen?.port ?? 5432}`.split(" "),
      // The operating system does not crash in a test.
      ...(this.#options.durable ? [] : ["-c", "fsync=off"]),
      "-c",
      `listen_addresses=${listen?.address ?? ""}`,
    ];
    if (listen !== undefined) {
      const all = "host all all all trust\nlocal all all trust\n";
      writeFileSync(join(own, "data", "pg_hba.conf"), all);
    }
    const [program = "", ...args] = words;
    const running = spawn(program, args, { stdio: ["ignore", "ignore", "pipe"] });
    this.#process = running;
    await new Promise<void>((resolve, reject) => {
      let said = "";
      running.stderr.on("data", (chunk: Buffer) => {
        said += chunk.toString();
        if (said.includes("ready to accept connections")) resolve();
      });
      running.once("exit", () => reject(new Error(`PostgreSQL ended: ${said}`)));
    });
  }

  /** Ends it as a power failure does: without a word to its clients, and with its journal to be replayed. */
  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (running === null || running.exitCode !== null) return;
    const ended = once(running, "exit");
    const [pid = ""] = readPid(join(this.folder, "own", "data"));
    process.kill(Number(pid), "SIGQUIT");
    await ended;
  }

  /** Halts the processes that talk to clients, or lets them go on: to clients its host is gone without a word. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void {
    const [pid = ""] = readPid(join(this.folder, "own", "data"));
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
    for (const one of children) process.kill(Number(one), signal);
  }

  /** Runs statements; returns what psql prints, a row a line, with | between the columns. */
  psql(text: string, database = "postgres"): string {
    return this.#psql(["-c", text, database]);
  }

  /** Runs the statements of a file. */
  psqlFile(file: string, database: string): void {
    this.#psql(["-q", "-v", "ON_ERROR_STOP=1", "-f", file, database]);
  }

  #psql(words: readonly string[]): string {
    const { listen } = this.#options;
    const own = join(this.folder, "own");
    const port = String(listen?.port ?? 5432);
    const args = ["-X", "-At", "-U", "postgres", "-h", own, "-p", port, ...words];
    return execFileSync("psql", args, { encoding: "utf8" }).trim();
  }

  async close(): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }
}

function readPid(data: string): readonly string[] {
  return execFileSync("head", ["-1", join(data, "postmaster.pid")], { encoding: "utf8" }).split(
    "\n",
  );
}
