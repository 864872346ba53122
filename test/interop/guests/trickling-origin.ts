import { readFileSync } from "node:fs";
import { createServer } from "node:https";

/*
 * An orchestrator that trickles: every file is promised in full length and comes by a byte a second. Arguments: the files
 * with its key and its certificate. Has the server on this host synchronise, and says when all is on its way.
 */

const [key = "", cert = ""] = process.argv.slice(2);
const headers = { "content-length": 1_000_000, "content-type": "application/octet-stream" };

const origin = createServer({ key: readFileSync(key), cert: readFileSync(cert) });
const trickling = new Promise<void>((resolve) => {
  origin.on("request", (request, response) => {
    response.writeHead(200, headers);
    if (request.method === "HEAD") return response.end();
    const timer = setInterval(() => response.write("x"), 1000);
    response.once("close", () => clearInterval(timer)).write("x");
    return resolve();
  });
});
await new Promise<void>((resolve) => origin.listen(8443, "127.0.0.1", resolve));
// It is answered when the synchronisation has ended.
void fetch("http://127.0.0.1:8081/api/v1/artifacts/sync", {
  method: "POST",
  headers: { "content-type": "application/json" },
  body: "{}",
});
await trickling;
console.log(JSON.stringify({ event: "at its height" }));
