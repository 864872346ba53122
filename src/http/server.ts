import type { Readable } from "node:stream";
import { type FileHandle, open, readFile } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { BindError, errnoOf, messageOf } from "../lib/errors.ts";

/** All that the HTTP ports ask of the operating system: sockets, files, timers. */

export interface HttpEndpoint {
  /** An address of this host, or `0.0.0.0` for all. */
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
}

/** Opens the port and serves `app` on it; returns the address and port that were really taken. Throws `BindError`. */
export async function listen(app: FastifyInstance, at: HttpEndpoint): Promise<HttpEndpoint> {
  try {
    await app.listen({ host: at.host, port: at.port });
  } catch (thrown) {
    if (errnoOf(thrown)?.startsWith("E") !== true) throw thrown;
    throw new BindError(`cannot bind TCP ${at.host}:${at.port}: ${explain(at, thrown)}`, {
      cause: thrown,
    });
  }
  const bound: AddressInfo | string | null = app.server.address();
  return typeof bound === "object" && bound !== null
    ? { host: bound.address, port: bound.port }
    : at;
}

function explain(at: HttpEndpoint, thrown: unknown): string {
  switch (errnoOf(thrown) ?? "") {
    case "EADDRINUSE":
      return (
        `another program holds the port. See which with: ss -ltnp 'sport = :${at.port}'; ` +
        `stop it, or choose another port (http.port, admin.listen)`
      );
    case "EACCES":
    case "EPERM":
      return (
        `this user may not open the port; ports below 1024 need CAP_NET_BIND_SERVICE. ` +
        `Choose a port from 1024 up (http.port, admin.listen), or run as root, or in a systemd unit ` +
        `with AmbientCapabilities=CAP_NET_BIND_SERVICE, or in a container with --cap-add=NET_BIND_SERVICE`
      );
    case "EADDRNOTAVAIL":
      return `no network interface of this host has the address ${at.host}. See which there are with: ip -4 addr`;
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return `the name ${at.host} could not be resolved; give an address instead`;
    default:
      return messageOf(thrown);
  }
}

/** Takes no more requests; downloads under way have `graceMs` to end, then their connections are closed. */
export async function closeApp(app: FastifyInstance, graceMs: number): Promise<void> {
  const timer = setTimeout(() => app.server.closeAllConnections(), graceMs);
  // After its download a client's connection waits for no next request.
  app.server.keepAliveTimeout = 1;
  try {
    await app.close();
  } finally {
    clearTimeout(timer);
  }
}

// Large reads, for a 300 MB initramfs goes to many machines at once; but a client that does not read its
// download costs twice as much memory.
const readBytes = 128 * 1024;

/** A file opened for one reply. It stays readable when it is removed meanwhile. */
export interface OpenFile {
  /** Length in bytes. */
  readonly size: number;
  /** Milliseconds since the Unix epoch, with fractions. */
  readonly modifiedMs: number;
  /** The bytes from `first` to `last`, both included; closes the file at its end. To be called once. */
  stream(first: number, last: number): Readable & { readonly bytesRead: number };
  /** For a reply that needs no bytes. */
  close(): Promise<void>;
}

/** Opens a file, or null when there is no regular file at `path`. */
export async function openFile(path: string): Promise<OpenFile | null> {
  let handle: FileHandle;
  try {
    handle = await open(path, "r");
  } catch (thrown) {
    if (errnoOf(thrown) === "ENOENT") return null;
    throw thrown;
  }
  try {
    const stats = await handle.stat();
    if (stats.isFile()) {
      return {
        size: stats.size,
        modifiedMs: stats.mtimeMs,
        stream: (first, last) =>
          handle.createReadStream({ start: first, end: last, highWaterMark: readBytes }),
        close: () => handle.close(),
      };
    }
  } catch (thrown) {
    await handle.close();
    throw thrown;
  }
  await handle.close();
  return null;
}

/** A small text file. */
export function readText(path: string): Promise<string> {
  return readFile(path, "utf8");
}

/** Calls `act` every `intervalMs` until the returned function is called; keeps no process alive. */
export function every(intervalMs: number, act: () => void): () => void {
  const timer = setInterval(act, intervalMs);
  timer.unref();
  return () => clearInterval(timer);
}
