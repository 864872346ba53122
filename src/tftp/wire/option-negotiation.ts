import type { TftpOptions } from "./packet.ts";

/** What the server allows at most, whatever a client asks for. */
export interface NegotiationLimits {
  /** Largest block in bytes, 8 to 65464. A client that asks for none gets 512 all the same (RFC 1350). */
  readonly maxBlockSize: number;
  /** Most blocks sent before an acknowledgement is awaited, 1 to 65535. */
  readonly maxWindowSize: number;
}

/** How a file will be sent. */
export interface Negotiated {
  /** Bytes of data in every block but the last. */
  readonly blksize: number;
  /** Blocks sent before an acknowledgement is awaited; 1 is lock-step. */
  readonly windowsize: number;
  /** Retransmission interval that the client set; null: the server's own choice. */
  readonly timeoutSeconds: number | null;
  /** The client asked for the size of the file, maybe for nothing else. */
  readonly sizeAsked: boolean;
  /** The options to acknowledge, in the order in which they were asked for; null: send no OACK. */
  readonly oack: TftpOptions | null;
}

const DEFAULT_BLKSIZE = 512;
const MIN_BLKSIZE = 8;
const MAX_BLKSIZE = 65464;
const MAX_WINDOWSIZE = 65535;
const MAX_TIMEOUT_SECONDS = 255;

/**
 * Answers the options of a read request for a file of `fileSize` bytes. Only what was asked for is
 * acknowledged, and never with a larger value: EDK2 aborts otherwise (ERROR 4 "Malformatted OACK
 * packet"). An option that is unknown or whose value is invalid is left out, as RFC 2347 wants it.
 */
export function negotiate(
  requested: TftpOptions,
  limits: NegotiationLimits,
  fileSize: number,
): Negotiated {
  let blksize = DEFAULT_BLKSIZE;
  let windowsize = 1;
  let timeoutSeconds: number | null = null;
  let sizeAsked = false;
  const oack = new Map<string, string>();

  for (const [name, text] of requested) {
    const value = parseDecimal(text);
    if (value === null) continue;
    switch (name) {
      case "blksize":
        // RFC 2348: 8 to 65464; the server may answer with less, never with more.
        if (value < MIN_BLKSIZE || value > MAX_BLKSIZE) continue;
        blksize = Math.max(MIN_BLKSIZE, Math.min(value, limits.maxBlockSize));
        oack.set(name, String(blksize));
        break;
      case "windowsize":
        // RFC 7440 3: 1 to 65535; the server may answer with less, never with more.
        if (value < 1 || value > MAX_WINDOWSIZE) continue;
        windowsize = Math.max(1, Math.min(value, limits.maxWindowSize));
        oack.set(name, String(windowsize));
        break;
      case "timeout":
        // RFC 2349: 1 to 255 seconds, to be echoed as it is or not at all.
        if (value < 1 || value > MAX_TIMEOUT_SECONDS) continue;
        timeoutSeconds = value;
        oack.set(name, String(value));
        break;
      case "tsize":
        // RFC 2349: a reader asks with 0 and is told the size.
        if (value !== 0) continue;
        sizeAsked = true;
        // curl takes "tsize=0" for a fault of the server; an option may always be left out.
        if (fileSize > 0) oack.set(name, String(fileSize));
        break;
      default:
        break;
    }
  }
  return { blksize, windowsize, timeoutSeconds, sizeAsked, oack: oack.size === 0 ? null : oack };
}

function parseDecimal(text: string): number | null {
  return /^[0-9]{1,10}$/.test(text) ? Number(text) : null;
}
