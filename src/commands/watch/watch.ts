import { setTimeout as sleep } from "node:timers/promises";
import type { BootReply } from "../../api/boots.ts";
import { endpoints } from "../../api/endpoints.ts";
import { loadSettings } from "../../daemon/settings/settings.ts";
import { UnreachableError } from "../../lib/errors.ts";
import { type AdminClient, requireAdmin, userOf } from "../shared/admin-client.ts";
import { ExitCode, type Program } from "../shared/context.ts";
import { NewLines } from "./lines.ts";
import { afterKey, initialState, screenLines, type ScreenState } from "./screen.ts";

const lookMs = 1000;
/** The newest; a terminal shows no more. */
const mostBoots = "500";

const enter = "\u001b[?1049h\u001b[?25l";
const leave = "\u001b[?25h\u001b[?1049l";

/**
 * `eim-pxe watch`: the machines live, full-screen with keys on a terminal, a line for each news elsewhere, until it is
 * ended.
 *
 * @throws UnreachableError when no server can be asked at the beginning
 */
export async function watch(program: Program, config: string | null): Promise<number> {
  const settings = loadSettings(config, program.environment);
  const admin = await requireAdmin({ ...settings, user: userOf(program) });
  const first = await look(admin);
  if (typeof first === "string") {
    program.err.write(`${first}\n`);
    return ExitCode.notReachable;
  }
  const stop = new AbortController();
  const stops = (["SIGINT", "SIGTERM"] as const).map((signal) =>
    program.onSignal(signal, () => stop.abort()),
  );
  try {
    if (program.outIsTerminal && program.keys !== null) {
      await fullScreen(program, program.keys, admin, first, stop);
    } else await asLines(program, admin, first, stop.signal);
  } finally {
    for (const one of stops) one();
  }
  return ExitCode.ok;
}

/** The newest boots; a string: what the server says is wrong. */
async function look(admin: AdminClient): Promise<readonly BootReply[] | string> {
  const reply = await admin.ask(endpoints.listBoots, { query: { limit: mostBoots } });
  return typeof reply === "string" ? reply : reply.boots;
}

/** The same while the server may be restarting. */
async function lookAgain(admin: AdminClient): Promise<readonly BootReply[] | string> {
  try {
    return await look(admin);
  } catch (error) {
    if (error instanceof UnreachableError) return error.message;
    throw error;
  }
}

async function* looks(
  admin: AdminClient,
  stop: AbortSignal,
): AsyncGenerator<readonly BootReply[] | string> {
  while (!stop.aborted) {
    await sleep(lookMs, null, { signal: stop }).catch(() => {});
    if (!stop.aborted) yield await lookAgain(admin);
  }
}

async function asLines(
  program: Program,
  admin: AdminClient,
  first: readonly BootReply[],
  stop: AbortSignal,
): Promise<void> {
  const lines = new NewLines();
  const write = (boots: readonly BootReply[]): void => {
    for (const line of lines.since(boots)) program.out.write(`${line}\n`);
  };
  write(first);
  let lost = false;
  for await (const boots of looks(admin, stop)) {
    if (typeof boots === "string") {
      if (!lost) program.err.write(`connection lost, trying again: ${boots}\n`);
      lost = true;
    } else {
      lost = false;
      write(boots);
    }
  }
}

async function fullScreen(
  program: Program,
  keys: NonNullable<Program["keys"]>,
  admin: AdminClient,
  first: readonly BootReply[],
  stop: AbortController,
): Promise<void> {
  let state: ScreenState = { ...initialState, boots: first };
  let drawn = "";
  const draw = (): void => {
    const lines = screenLines(state, { columns: program.columns(), rows: program.rows() });
    const text = lines.map((line) => `${line}\u001b[K`).join("\r\n");
    if (text === drawn) return;
    drawn = text;
    program.out.write(`\u001b[H${text}\u001b[J`);
  };
  const stopResize = program.onSignal("SIGWINCH", draw);
  program.out.write(enter);
  const stopKeys = keys((text) => {
    // Who types fast, or pastes, sends several at once.
    for (const key of keysIn(text)) {
      const next = afterKey(state, key);
      if (next === null) return stop.abort();
      state = next;
    }
    draw();
  });
  try {
    draw();
    for await (const boots of looks(admin, stop.signal)) {
      state =
        typeof boots === "string" ? { ...state, lost: boots } : { ...state, boots, lost: null };
      draw();
    }
  } finally {
    stopKeys();
    stopResize();
    program.out.write(leave);
  }
}

/** An arrow is three characters, any other key one. */
function keysIn(text: string): readonly string[] {
  const keys: string[] = [];
  for (let at = 0; at < text.length;) {
    const length = text.startsWith("\u001b[", at) ? 3 : 1;
    keys.push(text.slice(at, at + length));
    at += length;
  }
  return keys;
}
