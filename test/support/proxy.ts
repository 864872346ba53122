import { createServer, request } from "node:http";
import { connect, type Socket } from "node:net";

/** A forward proxy on loopback that opens tunnels, fetches over plain HTTP, and counts both. */
export interface TunnelProxy {
  readonly port: number;
  /** Where tunnels went, as `HOST:PORT`, and the credentials that came along. */
  readonly tunnels: { readonly target: string; readonly authorization: string | null }[];
  /** What was fetched over plain HTTP. */
  readonly requests: { readonly url: string; readonly authorization: string | null }[];
  close(): Promise<void>;
}

/**
 * @param refusal answer every request with this status instead
 * @param schemes of Proxy-Authenticate, in the refusal
 * @param onwardHost where every origin is, whatever its name
 */
export async function startTunnelProxy(
  refusal: number | null = null,
  schemes: readonly string[] = [],
  onwardHost = "127.0.0.1",
): Promise<TunnelProxy> {
  const tunnels: TunnelProxy["tunnels"] = [];
  const requests: TunnelProxy["requests"] = [];
  const sockets = new Set<Socket>();
  const server = createServer((asked, answer) => {
    // RFC 9112 3.2.2: the whole URL.
    const url = asked.url ?? "";
    requests.push({ url, authorization: asked.headers["proxy-authorization"] ?? null });
    if (refusal !== null) {
      answer.writeHead(refusal, { "proxy-authenticate": [...schemes] }).end();
      return;
    }
    const { port, pathname, search } = new URL(url);
    const { headers, method } = asked;
    const onward = { host: onwardHost, port, path: pathname + search, headers, method };
    const passed = request(onward, (found) => {
      answer.writeHead(found.statusCode ?? 502, found.headers);
      found.pipe(answer);
    });
    asked.pipe(passed);
  });
  server.on("connection", (socket) => sockets.add(socket));
  server.on("connect", (asked, socket: Socket) => {
    const target = asked.url ?? "";
    tunnels.push({ target, authorization: asked.headers["proxy-authorization"] ?? null });
    if (refusal !== null) {
      const challenges = schemes.map((scheme) => `proxy-authenticate: ${scheme}\r\n`).join("");
      socket.end(`HTTP/1.1 ${refusal} Refused\r\n${challenges}content-length: 0\r\n\r\n`);
      return;
    }
    // Names lead nowhere here: every origin is on loopback.
    const onward = connect(Number(target.replace(/^.*:/, "")), onwardHost, () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      onward.pipe(socket).pipe(onward);
    });
    sockets.add(onward);
    onward.on("error", () => socket.destroy());
    socket.on("error", () => onward.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  return {
    port: typeof bound === "object" && bound !== null ? bound.port : 0,
    tunnels,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
