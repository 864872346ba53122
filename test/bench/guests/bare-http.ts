import { readFileSync } from "node:fs";
import { createServer } from "node:http";

/*
 * Node's HTTP server and nothing else: answers whatever is asked with the same bytes. What ours costs beside it is ours.
 *   bare-http.ts HOST PORT FILE
 */

const [host = "127.0.0.1", port = "0", file = ""] = process.argv.slice(2);
const body = readFileSync(file);
const headers = {
  "cache-control": "no-store",
  "content-type": "text/plain; charset=utf-8",
  "content-length": body.length,
};
createServer((_request, response) => response.writeHead(200, headers).end(body)).listen({
  host,
  port: Number(port),
  backlog: 4096,
});
