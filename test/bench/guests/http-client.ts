import koffi from "koffi";
import type { z } from "zod";
import { clientOptions, type clientResult } from "./http-client-shape.ts";

/*
 * An HTTP client for load, as a process of its own: many connections, on each one request after the other
 * for some seconds. Bodies are discarded in the kernel (recv with MSG_TRUNC), so that the client's own work
 * does not limit what a server can send. Prints one line of JSON. Linux only.
 */

// <sys/socket.h> and <sys/epoll.h> on Linux.
const AF_INET = 2;
const SOCK_STREAM = 1;
const SOCK_NONBLOCK = 0x800;
const MSG_TRUNC = 0x20;
const MSG_NOSIGNAL = 0x4000;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_MOD = 3;
const EPOLLIN = 1;
const EPOLLOUT = 4;
const EAGAIN = 11;
const EINPROGRESS = 115;
// The structure is packed on x86-64 only.
const eventBytes = process.arch === "x64" ? 12 : 16;
const dataAt = eventBytes - 8;

const library = koffi.load(null);
const libc = {
  socket: library.func("int socket(int, int, int)"),
  connect: library.func("int connect(int, const void *, unsigned int)"),
  setsockopt: library.func("int setsockopt(int, int, int, const void *, unsigned int)"),
  send: library.func("long send(int, const void *, size_t, int)"),
  recv: library.func("long recv(int, void *, size_t, int)"),
  epollCreate: library.func("int epoll_create1(int)"),
  epollControl: library.func("int epoll_ctl(int, int, int, const void *)"),
  epollWait: library.func("int epoll_wait(int, void *, int, int)"),
};

interface Connection {
  readonly descriptor: number;
  state: "connecting" | "header" | "body" | "over";
  header: string;
  left: number;
  askedAtMs: number;
}

const options = clientOptions.parse(JSON.parse(process.argv[2] ?? "{}"));
const request = Buffer.from(
  `GET ${options.path} HTTP/1.1\r\nHost: ${options.host}:${options.port}\r\nUser-Agent: iPXE/1.21.1\r\n` +
    `${options.range === null ? "" : `Range: bytes=${options.range}\r\n`}\r\n`,
);
const sockaddr = Buffer.alloc(16);
sockaddr.writeUInt16LE(AF_INET, 0);
sockaddr.writeUInt16BE(options.port, 2);
sockaddr.set(options.host.split(".").map(Number), 4);

const scratch = Buffer.alloc(64 * 1024);
const discardAtOnce = 8 * 1024 * 1024;
const poll = Number(libc.epollCreate(0));
const durations: number[] = [];
let bytes = 0;
let failed = 0;

function watch(index: number, descriptor: number, operation: number, events: number): void {
  const event = Buffer.alloc(eventBytes);
  event.writeUInt32LE(events, 0);
  event.writeUInt32LE(index, dataAt);
  libc.epollControl(poll, operation, descriptor, event);
}

function connect(index: number): Connection {
  const descriptor = Number(libc.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
  libc.setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, Int32Array.of(1), 4);
  const result = Number(libc.connect(descriptor, sockaddr, sockaddr.length));
  if (result < 0 && koffi.errno() !== EINPROGRESS) failed += 1;
  watch(index, descriptor, EPOLL_CTL_ADD, EPOLLOUT);
  return { descriptor, state: "connecting", header: "", left: 0, askedAtMs: 0 };
}

function ask(connection: Connection): void {
  connection.state = "header";
  connection.header = "";
  connection.askedAtMs = performance.now();
  const sent = Number(libc.send(connection.descriptor, request, request.length, MSG_NOSIGNAL));
  if (sent !== request.length) end(connection);
}

function end(connection: Connection): void {
  connection.state = "over";
  failed += 1;
}

/** One read; whether there may be more. */
function read(connection: Connection): boolean {
  const isHeader = connection.state === "header";
  const length = isHeader ? 4096 : Math.min(connection.left, discardAtOnce);
  const flags = isHeader ? 0 : MSG_TRUNC;
  const got = Number(libc.recv(connection.descriptor, scratch, length, flags));
  if (got < 0 && koffi.errno() === EAGAIN) return false;
  if (got <= 0) {
    end(connection);
    return false;
  }
  if (isHeader) readHeader(connection, scratch.toString("latin1", 0, got));
  else {
    connection.left -= got;
    bytes += got;
  }
  if (connection.state === "body" && connection.left === 0) {
    durations.push(performance.now() - connection.askedAtMs);
    ask(connection);
    return false;
  }
  return true;
}

function readHeader(connection: Connection, text: string): void {
  connection.header += text;
  const at = connection.header.indexOf("\r\n\r\n");
  if (at === -1) return;
  const length = /^content-length: *(\d+)/im.exec(connection.header)?.[1];
  if (!/^HTTP\/1\.1 20[06] /.test(connection.header) || length === undefined) {
    end(connection);
    return;
  }
  const body = connection.header.length - at - 4;
  connection.state = "body";
  connection.left = Number(length) - body;
  bytes += body;
}

const connections = Array.from({ length: options.connections }, (_, index) => connect(index));
const events = Buffer.alloc(512 * eventBytes);
const startMs = performance.now();
const endMs = startMs + options.seconds * 1000;
while (performance.now() < endMs) {
  const count = Number(libc.epollWait(poll, events, 512, 100));
  for (let at = 0; at < count; at += 1) {
    const index = events.readUInt32LE(at * eventBytes + dataAt);
    const connection = connections[index];
    if (connection === undefined || connection.state === "over") continue;
    if (connection.state === "connecting") {
      watch(index, connection.descriptor, EPOLL_CTL_MOD, EPOLLIN);
      ask(connection);
    } else for (let reads = 0; reads < 4 && read(connection); reads += 1);
  }
}
const seconds = (performance.now() - startMs) / 1000;
durations.sort((a, b) => a - b);
const result: z.infer<typeof clientResult> = {
  seconds,
  requests: durations.length,
  bytes,
  failed,
  medianMs: durations[Math.floor(durations.length / 2)] ?? 0,
  slowestMs: durations.at(-1) ?? 0,
};
console.log(JSON.stringify(result));
process.exit(0);
