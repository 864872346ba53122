import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import { announceRunning } from "../../src/daemon/state/instance-file.ts";

export interface AskedRequest {
  /** `GET /api/v1/leases` */
  readonly line: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

interface Answer {
  readonly status: number;
  /** The same for every request, or by its `line`. */
  readonly body: object | ((line: string) => object);
}

/** Stands in for the server that runs in a data folder, as commands find it there. */
export class AnnouncedServer {
  readonly #server: Server;
  /** What was asked of it, apart from whether it is alive. */
  readonly asked: AskedRequest[] = [];
  /** What it answers from now on; null: it hangs up. */
  answer: Answer | null;

  private constructor(answer: Answer | null) {
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
        const line = `${method} ${url}`;
        this.asked.push({ line, headers, body });
        if (this.answer === null) request.socket.destroy();
        else {
          response.writeHead(this.answer.status, { "content-type": "application/json" });
          const { body: answered } = this.answer;
          response.end(JSON.stringify(typeof answered === "function" ? answered(line) : answered));
        }
      });
    });
  }

  static async in(dataDir: string, answer: Answer | null): Promise<AnnouncedServer> {
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
