import { isUnknown } from "../../../boot/node.ts";
import { sha256Of } from "../../../lib/bytes.ts";
import { type Mac, parseMac } from "../../../lib/mac.ts";
import type { QuickAnswer } from "../../connections/connection-options.ts";
import { type BootAppContext, denialOf, knownUuid, nodeOf } from "../context.ts";
import { isTrustedProxy } from "../forwarded.ts";
import { baseUrlFor, clientAddress } from "../peer.ts";
import { HttpDate } from "./http-date.ts";

const unknownIdentity = { uuid: null, serial: null };

/**
 * Answers what each machine of a boot storm asks for first, its script, without the framework: that is three
 * quarters of what such a request costs. What is not plainly a script, and whatever is refused, goes the
 * usual way (`routes/script.ts`), which answers the same.
 */
export function quickScripts(options: BootAppContext): QuickAnswer {
  const responses = new Responses(() => options.clock.wall());
  return ({ target, range }, peer) => {
    const pathMac = range === null ? scriptPath(target) : null;
    if (pathMac === null) return null;
    const address = clientAddress(peer);
    if (isTrustedProxy(address, options.trustedProxies)) return null;
    const machine = { mac: pathMac.mac ?? options.sessions.machineAt(address), address };
    const uuid = knownUuid(options, machine);
    const node = nodeOf(options, machine, unknownIdentity);
    if (denialOf(options, machine, node, false) !== null) return null;
    // It is asked for its serial number first.
    if (isUnknown(node) && options.policy.isUndecided?.(machine.mac) === true) return null;
    const baseUrl = baseUrlFor(peer, options.baseUrls);
    const script = options.scripts.now({ machine, uuid, node, baseUrl });
    if (script === null) return null;
    const { text, generation } = script;
    const { sha256, response } = responses.of(text);
    options.emit({ event: "script", ...machine, ...unknownIdentity, generation, sha256 });
    return response;
  };
}

/** Whose script is asked for, `mac: null` where the path does not say; null: it asks for something else. */
function scriptPath(target: string): { readonly mac: Mac | null } | null {
  if (target === "/boot.ipxe") return { mac: null };
  if (!target.endsWith("/boot.ipxe")) return null;
  const mac = parseMac(target.slice(1, -"/boot.ipxe".length));
  return mac === null ? null : { mac };
}

interface Response {
  readonly text: string;
  /** Of the text, in hex. */
  readonly sha256: string;
  /** With the header. */
  readonly response: Buffer;
}

/** Responses with a script. Machines that come to the same stages within the same seconds have the same one. */
class Responses {
  readonly #now: HttpDate;
  #date = "";
  /** Of this second. */
  #last: Response | null = null;

  constructor(wall: () => number) {
    this.#now = new HttpDate(wall);
  }

  of(text: string): Response {
    const date = this.#now.now();
    if (this.#last?.text !== text || this.#date !== date) {
      this.#date = date;
      this.#last = { text, sha256: sha256Of(text), response: this.#make(text) };
    }
    return this.#last;
  }

  #make(text: string): Buffer {
    const length = Buffer.byteLength(text);
    const response =
      "HTTP/1.1 200 OK\r\ncache-control: no-store\r\ncontent-type: text/plain; charset=utf-8\r\n" +
      `content-length: ${length}\r\nDate: ${this.#date}\r\nConnection: keep-alive\r\n\r\n${text}`;
    // Of plain ASCII, bytes are made without a look at each character.
    return Buffer.from(response, length === text.length ? "latin1" : "utf8");
  }
}
