import { createInterface } from "node:readline";

/* Sends the requests that standard input names, `METHOD PATH` on a line each, and tells how long each answer took. */

const [server = ""] = process.argv.slice(2);
createInterface({ input: process.stdin }).on("line", (line) => void ask(line));
console.log(JSON.stringify({ event: "asking" }));

async function ask(line: string): Promise<void> {
  const [method = "GET", path = "/"] = line.split(" ");
  const from = performance.now();
  const body = method === "GET" ? {} : { body: "{}" };
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`http://${server}${path}`, { method, headers, ...body });
  const { length } = await answer.text();
  const ms = performance.now() - from;
  console.log(JSON.stringify({ event: "answer", status: answer.status, ms, length }));
}
