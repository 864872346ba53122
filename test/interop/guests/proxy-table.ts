import { execFile } from "node:child_process";
import { createServer, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { promisify } from "node:util";
import { z } from "zod";
import { createOrigin } from "../../../src/artifacts/origin/origin.ts";
import { proxyEnvironment } from "../../../src/daemon/settings/environment.ts";
import { messageOf } from "../../../src/lib/errors.ts";

/*
 * For each case that comes as a line of JSON on the standard input: who is asked, and by which words, when curl and
 * when eim-pxe fetches the URL with those environment variables. Proxies and origins are ports that note what comes.
 */

const question = z.object({ url: z.string(), environment: z.record(z.string(), z.string()) });

/** `127.0.0.1:3128 CONNECT a.example:443 HTTP/1.1 Basic dTpw` */
let noted: string[] = [];

function note(socket: Socket): void {
  const at = `${(socket.localAddress ?? "").replace(/^::ffff:/, "")}:${socket.localPort ?? 0}`;
  socket.on("error", () => {});
  socket.once("data", (bytes) => {
    const text = bytes.toString("latin1");
    if (!/^[A-Z]+ /.test(text)) noted.push(`${at} TLS`);
    else {
      const [line = "", ...headers] = text.split("\r\n");
      const credentials = headers.find((header) => /^proxy-authorization:/i.test(header));
      noted.push([at, line, credentials?.replace(/^[^:]*: */, "") ?? ""].join(" ").trim());
    }
    // Neither of the two is to go on: a refusal is an answer.
    socket.end("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
  });
}

for (const port of [80, 443, 1080, 3128, 8080]) {
  const server = createServer(note);
  await new Promise<void>((resolve) => server.listen(port, "::", resolve));
}

const run = promisify(execFile);

async function byCurl(url: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const path = process.env["PATH"] ?? "";
  const parts = ["-q", "-s", "-m", "5", "-o", "/dev/null", url];
  // It always fails: nothing here answers with a file.
  await run("curl", parts, { env: { PATH: path, ...environment } }).catch(() => {});
}

async function byOurs(url: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const at = url.lastIndexOf("/");
  try {
    const proxies = proxyEnvironment(environment);
    const folder = url.slice(0, at);
    const origin = createOrigin({ url: folder, ca: null, proxy: null, environment: proxies });
    await origin.get(url.slice(at + 1), null, AbortSignal.timeout(5000)).catch(() => {});
    await origin.close();
  } catch (error) {
    noted.push(messageOf(error));
  }
}

console.log(JSON.stringify({ ready: true }));
for await (const line of createInterface({ input: process.stdin })) {
  const { url, environment } = question.parse(JSON.parse(line));
  const answers: string[] = [];
  for (const ask of [byCurl, byOurs]) {
    noted = [];
    await ask(url, environment);
    answers.push(noted.join(", ") || "nobody");
  }
  console.log(JSON.stringify({ answers }));
}
