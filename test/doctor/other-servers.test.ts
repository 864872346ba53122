import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseConfig } from "../../src/config/load.ts";
import { peersOf } from "../../src/doctor/evidence/peers.ts";
import { wireCheck } from "../../src/doctor/rules/wire.ts";
import type { HeardLink } from "../../src/doctor/site.ts";
import { MessageType } from "../../src/dhcp/wire/message-type.ts";
import { readOffer } from "../../src/pxe-client/wire/offers.ts";
import { message, packetWith } from "../support/dhcp.ts";

const peer = "192.0.2.2";
const stranger = "192.0.2.9";

const config = parseConfig("", "/etc/eim-pxe/eim-pxe.yaml");

/** What the check says of a link in mode full with these peers, where these servers offer addresses and a loader. */
async function said(servers: readonly string[], peers: readonly string[]) {
  const offer = packetWith(message({}, MessageType.OFFER), {
    op: 2,
    yiaddr: "192.0.2.100",
    file: "snponly.efi",
  });
  const offers = servers.map((server) => readOffer(offer, server));
  const link = { name: "eth1", address: "192.0.2.1", mode: "full", ours: "192.0.2.1" } as const;
  const heard: HeardLink = { link, config, offers, peers, unheard: null, unasked: null };
  return wireCheck.run({ wire: () => Promise.resolve([heard]) });
}

describe("doctor beside the second server of a database", () => {
  test("does not name it as another DHCP server, and says that it answers", async () => {
    expect(await said([peer], [peer])).toMatchObject([
      { status: "ok", found: expect.stringContaining(`${peer} shares this server's database`) },
    ]);
  });

  test("names a DHCP server that is none of them, and that one alone", async () => {
    const [line] = await said([peer, stranger], [peer]);
    expect(line).toMatchObject({ status: "fail", code: "other-dhcp-server" });
    expect([line?.found.includes(stranger), line?.found.includes(peer)]).toEqual([true, false]);
  });

  test("names the second server of a pair whose leases are in journals", async () => {
    expect(await said([peer], [])).toMatchObject([{ status: "fail", code: "other-dhcp-server" }]);
  });
});

describe("the other servers of the database", () => {
  let dataDir: string;
  beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "eim-pxe-doctor-"));
    writeFileSync(join(dataDir, "database-peers.json"), JSON.stringify([peer]));
  });
  afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

  test("are known while it is away, as the server last knew them", async () => {
    expect(await peersOf({ dataDir }, { addresses: [] })).toEqual([peer]);
  });

  test("are those that it names, where this host's server has never run", async () => {
    rmSync(join(dataDir, "database-peers.json"));
    expect(await peersOf({ dataDir }, { addresses: ["192.0.2.3"] })).toEqual(["192.0.2.3"]);
  });

  test("are none where the leases are in the journal, whatever was left in the folder", async () => {
    expect(await peersOf({ dataDir }, null)).toEqual([]);
  });
});
