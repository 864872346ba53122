import { createServer } from "node:http";
import { connect, type Socket } from "node:net";

/** A forward proxy on loopback that opens tunnels and counts them. */
export interface TunnelProxy {
  readonly port: number;
  /** Where tunnels went, as `HOST:PORT`, and the credentials that came along. */
  readonly tunnels: { readonly target: string; readonly authorization: string | null }[];
  close(): Promise<void>;
}

/** @param refusal answer every request for a tunnel with this status instead of opening it */
export async function startTunnelProxy(refusal: number | null = null): Promise<TunnelProxy> {
  const tunnels: TunnelProxy["tunnels"] = [];
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on("connection", (socket) => sockets.add(socket));
  server.on("connect", (request, socket: Socket) => {
    const target = request.url ?? "";
    tunnels.push({ target, authorization: request.headers["proxy-authorization"] ?? null });
    if (refusal !== null) {
      socket.end(`HTTP/1.1 ${refusal} Refused\r\ncontent-length: 0\r\n\r\n`);
      return;
    }
    // Names lead nowhere here: every origin is on loopback.
    const onward = connect(Number(target.replace(/^.*:/, "")), "127.0.0.1", () => {
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
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
