import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";

/*
 * An origin with caches in front of it that do not keep to HTTP, on a clock of its own. What it is meant to
 * have is always one release of all files; how it tells of that is for each request to say.
 */

/** How a request for a part is answered. */
export type PartHabit =
  | "honest"
  | "ignores-if-range"
  | "whole-file"
  | "begins-earlier"
  | "begins-later"
  | "no-content-range"
  | "other-total"
  | "multipart"
  | "shorter"
  | "overlong"
  | "refused";

/** What happens to one request. */
export interface Turn {
  /** How far the clock goes before it, in milliseconds. */
  readonly waitMs: number;
  readonly part: PartHabit;
  /** Which of two servers with the same files answers. */
  readonly replica: 0 | 1;
  /** After which fraction of its body the connection breaks; null: it does not. */
  readonly cut: number | null;
  /** When the next release comes: before the answer, in the middle of its body, or not now. */
  readonly release: "before" | "within" | "no";
  /** Whether conditions are passed over: the whole file comes. */
  readonly isForgetful: boolean;
}

export const honestTurn: Turn = {
  waitMs: 10_000,
  part: "honest",
  replica: 0,
  cut: null,
  release: "no",
  isForgetful: false,
};

/** What validators the origin gives. */
export interface Habits {
  /** `nginx`: made of date and length, which it never gives without the date. `content`: of the bytes. */
  readonly etag: "nginx" | "content" | "counted" | "weak" | "none";
  /** `backwards`: each release is older than the one before, as restored copies are. */
  readonly lastModified: "when-changed" | "backwards" | "none";
  /** Whether the two servers give the same validators. */
  readonly replicasDiffer: boolean;
  /** HEAD has no validators, as where it is made up by a cache. */
  readonly headIsBare: boolean;
}

/** The bytes of each file. */
export type Release = Readonly<Record<string, Uint8Array>>;

interface Version {
  readonly bytes: Uint8Array;
  readonly number: number;
  readonly modifiedMs: number;
}

const startMs = Date.UTC(2026, 0, 1);

export class WaywardOrigin {
  nowMs = startMs;
  /** Which release is there. */
  at = 0;
  /** How many files were sent, in whole or in part. */
  bodies = 0;
  readonly #releases: readonly Release[];
  readonly #habits: Habits;
  readonly #turns: { readonly get: Turn[]; readonly head: Turn[] };
  readonly #changedMs: number[];

  constructor(
    releases: readonly Release[],
    habits: Habits,
    turns: { readonly get: readonly Turn[]; readonly head: readonly Turn[] },
    agedMs: number,
  ) {
    this.#releases = releases;
    this.#habits = habits;
    this.#turns = { get: [...turns.get], head: [...turns.head] };
    this.#changedMs = [startMs - agedMs];
  }

  get current(): Release {
    return this.#releases[this.at] ?? {};
  }

  /** From now on it does as it should. */
  reform(): void {
    this.#turns.get.length = 0;
    this.#turns.head.length = 0;
  }

  answer(request: IncomingMessage, response: ServerResponse): void {
    const turns = request.method === "HEAD" ? this.#turns.head : this.#turns.get;
    const turn = turns.shift() ?? honestTurn;
    this.nowMs += turn.waitMs;
    if (turn.release === "before") this.#advance();
    const name = (request.url ?? "").slice(1);
    const version = this.#version(name);
    if (version === null) return void response.writeHead(404).end();
    const headers = this.#validators(version, turn.replica);
    const date = new Date(this.nowMs).toUTCString();
    if (request.method === "HEAD") {
      const told = this.#habits.headIsBare ? {} : headers;
      const status = !turn.isForgetful && isNotModified(request, told) ? 304 : 200;
      const length = status === 200 ? { "content-length": version.bytes.length } : {};
      return void response.writeHead(status, { date, ...told, ...length }).end();
    }
    if (!turn.isForgetful && isNotModified(request, headers)) {
      return void response.writeHead(304, { date, ...headers }).end();
    }
    this.bodies += 1;
    const asked = partAsked(request, version, headers, turn.part);
    const { first, last } = asked;
    const after = turn.release === "within" ? this.#replacedInPlace(name, version) : version.bytes;
    const middle = Math.floor((first + last + 1) / 2);
    const body = Buffer.concat([
      version.bytes.subarray(first, middle),
      after.subarray(middle, last + 1),
      asked.more,
    ]);
    response.writeHead(asked.status, { date, ...headers, ...asked.headers });
    if (turn.cut === null) return void response.end(body);
    const sent = body.subarray(0, Math.floor(body.length * turn.cut));
    if (sent.length === 0) response.destroy();
    else response.write(sent, () => response.destroy());
  }

  /** The bytes that are read by then of a file that is overwritten while it is sent. */
  #replacedInPlace(name: string, before: Version): Uint8Array {
    this.#advance();
    const after = this.#version(name)?.bytes ?? before.bytes;
    // nginx sends as many as it announced, or breaks off: the same length is the hard case.
    return after.length === before.bytes.length ? after : before.bytes;
  }

  #advance(): void {
    if (this.at + 1 >= this.#releases.length) return;
    this.at += 1;
    this.#changedMs.push(this.nowMs);
  }

  /** The file as of the release in which it changed last. */
  #version(name: string): Version | null {
    const bytes = this.current[name];
    if (bytes === undefined) return null;
    let number = this.at;
    while (number > 0 && this.#releases[number - 1]?.[name] === bytes) number -= 1;
    return { bytes, number, modifiedMs: this.#changedMs[number] ?? startMs };
  }

  #validators({ bytes, number, modifiedMs }: Version, replica: 0 | 1): Record<string, string> {
    const { etag, lastModified, replicasDiffer } = this.#habits;
    const other = replicasDiffer ? replica : 0;
    // Of the other server each file is one second newer, and never as old as the next release is here.
    const madeMs =
      lastModified === "backwards" ? startMs - (100 + number) * 86_400_000 : modifiedMs;
    const seconds = Math.floor(madeMs / 2000) * 2 + other;
    const tags = {
      nginx: `"${seconds.toString(16)}-${bytes.length.toString(16)}"`,
      content: `"${createHash("sha1").update(bytes).digest("hex")}-${other}"`,
      counted: `"${number}-${other}"`,
      weak: `W/"${number}-${other}"`,
    };
    return {
      ...(etag === "none" ? {} : { etag: tags[etag] }),
      ...(lastModified === "none"
        ? {}
        : { "last-modified": new Date(seconds * 1000).toUTCString() }),
    };
  }
}

/** As most servers judge it: a date is asked about only where there is no tag, and "not newer" will do. */
function isNotModified(request: IncomingMessage, told: Readonly<Record<string, string>>): boolean {
  const { "if-none-match": tag, "if-modified-since": since } = request.headers;
  if (tag !== undefined) return told["etag"] === tag;
  const modified = told["last-modified"];
  return since !== undefined && modified !== undefined && Date.parse(modified) <= Date.parse(since);
}

interface Answered {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | number>>;
  readonly first: number;
  readonly last: number;
  /** What comes behind it although it should not. */
  readonly more: Uint8Array;
}

function partAsked(
  request: IncomingMessage,
  { bytes }: Version,
  told: Readonly<Record<string, string>>,
  habit: PartHabit,
): Answered {
  const size = bytes.length;
  const none = new Uint8Array();
  const whole = { first: 0, last: size - 1, more: none };
  const wholeAnswer = { status: 200, headers: { "content-length": size }, ...whole };
  const { range, "if-range": condition } = request.headers;
  if (range === undefined || habit === "whole-file") return wholeAnswer;
  const holds = condition === told["etag"] || condition === told["last-modified"];
  // Those that keep to If-Range differ only in what they do with a part that may be sent.
  const isDeaf = !["honest", "shorter", "refused"].includes(habit);
  if (!holds && !isDeaf) return wholeAnswer;
  const from = Number(/\d+/.exec(range)?.[0]);
  if (habit === "refused" || from >= size) {
    const headers = { "content-range": `bytes */${size}`, "content-length": 0 };
    return { status: 416, headers, first: 0, last: -1, more: none };
  }
  const first =
    habit === "begins-earlier"
      ? from - (from % 64)
      : habit === "begins-later"
        ? Math.min(from + 7, size - 1)
        : from;
  const last = habit === "shorter" ? Math.min(size - 1, first + 20) : size - 1;
  const total = habit === "other-total" ? size + 11 : size;
  const part = { status: 206, first, last, more: none };
  const length = { "content-length": last - first + 1 };
  const contentRange = { "content-range": `bytes ${first}-${last}/${total}` };
  if (habit === "no-content-range") return { ...part, headers: length };
  if (habit === "multipart") {
    return { ...part, headers: { ...length, "content-type": "multipart/byteranges; boundary=x" } };
  }
  if (habit === "overlong") return { ...part, headers: contentRange, more: new Uint8Array(9) };
  return { ...part, headers: { ...contentRange, ...length } };
}

/** A port of loopback at which one origin after the other answers. */
export async function openWaywardPort(): Promise<{
  readonly url: string;
  serve(origin: WaywardOrigin): void;
  close(): Promise<void>;
}> {
  let origin: WaywardOrigin | null = null;
  const server = createServer((request, response) => {
    if (origin === null) response.destroy();
    else origin.answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  return {
    url: `http://127.0.0.1:${typeof bound === "object" ? bound?.port : 0}`,
    serve: (next) => {
      origin = next;
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
