import { isBareName } from "../../../lib/bare-name.ts";
import { Connection } from "../../connections/connection.ts";
import type { QuickAnswer } from "../../connections/connection-options.ts";
import { type Part, startDownload } from "../../files/download.ts";
import { selectBytes } from "../conditional.ts";
import { type BootAppOptions, knownDenialOf } from "../context.ts";
import { isTrustedProxy } from "../forwarded.ts";
import { contentTypeOf } from "../media-type.ts";
import { clientAddress } from "../peer.ts";
import {
  findArtifact,
  isOfMirror,
  type ServedArtifact,
  waitsInQueue,
  watchArtifact,
} from "../routes/artifacts.ts";
import { HttpDate } from "./http-date.ts";

const folder = "/artifacts/";

/**
 * Answers what is asked for of a generation without the framework, where its bytes are in memory and nobody has to wait: of
 * a file of 1 MiB the framework costs as much as the bytes. All else goes the usual way (`routes/artifacts.ts`), which answers
 * the same.
 */
export function quickArtifacts(options: BootAppOptions): QuickAnswer {
  const date = new HttpDate(() => options.clock.wall());
  const { files, sessions, trustedProxies } = options;
  return ({ target, range, userAgent }, peer) => {
    if (!target.startsWith(folder) || isOfMirror(userAgent)) return null;
    const name = target.slice(folder.length);
    if (!isBareName(name)) return null;
    if (!(peer instanceof Connection)) return null;
    const address = clientAddress(peer);
    if (isTrustedProxy(address, trustedProxies)) return null;
    const machine = { mac: sessions.machineAt(address), address };
    if (knownDenialOf(options, machine) !== null) return null;
    const artifact = findArtifact(options, address, name);
    if (artifact === null || waitsInQueue(options, artifact.file)) return null;
    const file = files.inMemory(artifact.file);
    if (file === null) return null;
    const { modifiedMs } = file;
    const part = partOf(artifact, modifiedMs, range);
    if (part === null) {
      file.close();
      return null;
    }
    const watch = watchArtifact(options, machine, artifact);
    const client = address ?? peer.address;
    const shared = { file, part, turns: files.turns, client, watch, line: peer };
    return {
      header: headerOf({ artifact, modifiedMs, part }, range !== null, date.now()),
      start: (response) => startDownload({ ...shared, response }),
    };
  };
}

/** Null where the answer is none with those bytes, or has none. */
function partOf(
  { file: { size, sha256 } }: ServedArtifact,
  modifiedMs: number,
  range: string | null,
): Part | null {
  if (size === 0) return null;
  if (range === null) return { first: 0, last: size - 1 };
  const selection = selectBytes("GET", { range }, { size, etag: etagOf(sha256), modifiedMs });
  // What is malformed asks for the whole.
  return selection.kind === "part" ? { first: selection.first, last: selection.last } : null;
}

function etagOf(sha256: string): string {
  return `"${sha256}"`;
}

/** As `file-reply.ts` has it. */
function headerOf(
  answer: {
    readonly artifact: ServedArtifact;
    readonly modifiedMs: number;
    readonly part: Part;
  },
  isPart: boolean,
  date: string,
): string {
  const { artifact, modifiedMs, part } = answer;
  const { size, sha256 } = artifact.file;
  const { first, last } = part;
  return (
    `HTTP/1.1 ${isPart ? "206 Partial Content" : "200 OK"}\r\n` +
    `accept-ranges: bytes\r\netag: ${etagOf(sha256)}\r\n` +
    `last-modified: ${new Date(modifiedMs).toUTCString()}\r\ncache-control: no-cache\r\n` +
    `content-type: ${contentTypeOf(artifact.name)}\r\nContent-Length: ${last - first + 1}\r\n` +
    (isPart ? `content-range: bytes ${first}-${last}/${size}\r\n` : "") +
    `Date: ${date}\r\nConnection: keep-alive\r\n\r\n`
  );
}
