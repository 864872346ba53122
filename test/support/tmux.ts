import { execFileSync } from "node:child_process";

/** A terminal of a given size, in which a program runs. */
export class Tmux {
  /** A server of its own, so that no other session is touched. */
  readonly #socket: string;

  constructor(
    name: string,
    size: { readonly columns: number; readonly rows: number },
    command: readonly string[],
  ) {
    this.#socket = `eim-pxe-${process.pid}-${name}`;
    const words = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
    // What the program ended with stays on the screen.
    const line = `${words}; echo "ended with $?"; sleep 1000`;
    const { columns, rows } = size;
    this.#tmux(
      "-f",
      "/dev/null",
      "new-session",
      "-d",
      "-x",
      String(columns),
      "-y",
      String(rows),
      line,
    );
  }

  /** What is on the screen now, line by line. */
  screen(): readonly string[] {
    return this.#tmux("capture-pane", "-p").split("\n").slice(0, -1);
  }

  press(...keys: readonly string[]): void {
    this.#tmux("send-keys", ...keys);
  }

  close(): void {
    this.#tmux("kill-server");
  }

  #tmux(...words: readonly string[]): string {
    const environment = { ...process.env, TERM: "xterm-256color", LC_ALL: "C.UTF-8" };
    return execFileSync("tmux", ["-u", "-L", this.#socket, ...words], {
      env: environment,
    }).toString();
  }
}
