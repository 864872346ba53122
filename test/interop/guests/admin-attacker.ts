import { get, request } from "node:http";
import { ip4FromNumber, ip4ToNumber } from "../../../src/lib/ip4.ts";

/*
 * Whoever reaches the admin port from the server's own host, by forty addresses of loopback. Arguments: the attack, the
 * server's address, the first of its own. Says when the attack is at its height and what was answered, and goes on until
 * it is ended from outside.
 *
 * - `pages`: a page in a browser, of a site whose name was made to point here, or of any other site.
 * - `reads`: programs that follow all events, and read everything again and again.
 */

const [attack = "", server = "", first = ""] = process.argv.slice(2);
const addresses = Array.from({ length: 40 }, (_, n) => ip4FromNumber(ip4ToNumber(first) + n));
const base = `http://${server}:8081`;

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

function statusOf({ method, path, headers }: Asked, localAddress: string): Promise<number> {
  return new Promise((resolve, reject) => {
    request(`${base}${path}`, { method, headers, localAddress, agent: false }, (answer) => {
      answer.resume().once("end", () => resolve(answer.statusCode ?? 0));
    })
      .once("error", reject)
      .end();
  });
}

const rebound = { host: "rebound.example:8081" };
const crossSite = { origin: "https://elsewhere.example", "sec-fetch-site": "cross-site" };
const forged: readonly Asked[] = [
  { method: "GET", path: "/api/v1/leases", headers: rebound },
  { method: "DELETE", path: "/api/v1/leases/10.9.1.0", headers: rebound },
  { method: "POST", path: "/api/v1/leases", headers: rebound },
  { method: "POST", path: "/api/v1/artifacts/sync", headers: rebound },
  { method: "POST", path: "/api/v1/artifacts/sync", headers: crossSite },
  { method: "POST", path: "/api/v1/artifacts/verify", headers: crossSite },
];

/** Each address asks everything, five times; the answers by their status. */
async function pages(): Promise<Readonly<Record<string, number>>> {
  const statuses: Record<string, number> = {};
  const asAddress = async (address: string): Promise<void> => {
    for (let time = 0; time < 5; time++) {
      for (const asked of forged) {
        const status = await statusOf(asked, address);
        statuses[status] = (statuses[status] ?? 0) + 1;
      }
    }
  };
  await Promise.all(addresses.map(asAddress));
  return statuses;
}

/** All leases, page by page: how many. */
async function leases(): Promise<number> {
  let count = 0;
  for (let cursor: unknown = ""; typeof cursor === "string";) {
    const after = cursor === "" ? "" : `&cursor=${cursor}`;
    const answer = await fetch(`${base}/api/v1/leases?limit=1000${after}`);
    const page: { leases?: unknown; next?: unknown } = Object(await answer.json());
    count += Array.isArray(page.leases) ? page.leases.length : 0;
    cursor = page.next;
  }
  return count;
}

async function reads(): Promise<Readonly<Record<string, number>>> {
  for (const localAddress of addresses.slice(0, 32)) {
    get(`${base}/api/v1/events`, { localAddress, agent: false }, (answer) => answer.resume());
  }
  const found = await leases();
  for (let reader = 0; reader < 4; reader++) {
    void (async () => {
      for (;;) {
        await leases();
        await (await fetch(`${base}/api/v1/boots?limit=1000`)).arrayBuffer();
        await (await fetch(`${base}/metrics`)).arrayBuffer();
      }
    })();
  }
  return { leases: found };
}

const answered = attack === "pages" ? await pages() : await reads();
console.log(JSON.stringify({ event: "at its height", ...answered }));
setInterval(() => {}, 60_000);
