import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { announceRunning } from "../../src/daemon/state/instance-file.ts";

export interface AskedRequest {
  /** `GET /api/v1/leases` */
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** Stands in for the server that runs in a data folder, as commands find it there. */
export class AnnouncedServer {
  readonly #server: Server;
  /** What was asked of it, apart from whether it is alive. */
  readonly asked: AskedRequest[] = [];
  /** What it answers from now on; null: it hangs up. */
  answer: { readonly status: number; readonly body: object } | null;

  private constructor(answer: AnnouncedServer["answer"]) {
    this.answer = answer;
    this.#server = createServer((request, response) => {
      if (request.url === "/healthz") {
        response.end(JSON.stringify({ status: "alive", instance: "here" }));
        return;
      }
      const parts: Buffer[] = [];
      request.on("data", (part: Buffer) => parts.push(part));
      request.on("end", () => {
        const { method, url, headers } = request;
        const body = Buffer.concat(parts).toString("utf8");
        this.asked.push({ line: `${method} ${url}`, headers, body });
        if (this.answer === null) request.socket.destroy();
        else {
          response.writeHead(this.answer.status, { "content-type": "application/json" });
          response.end(JSON.stringify(this.answer.body));
        }
      });
    });
  }

  static async in(dataDir: string, answer: AnnouncedServer["answer"]): Promise<AnnouncedServer> {
    const announced = new AnnouncedServer(answer);
    const server = announced.#server;
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
    const at = server.address();
    const port = typeof at === "object" ? at?.port : 0;
    const running = { pid: 1, admin: `http://127.0.0.1:${port}`, instance: "here" };
    await announceRunning(dataDir, running);
    return announced;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
