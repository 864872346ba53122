import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDgram } from "../../src/net/dgram.ts";
import { encodePacket } from "../../src/tftp/wire/packet.ts";
import { Program } from "../support/command.ts";
import { randomBytes, randomNumbers } from "../support/random.ts";
import { urlOf } from "../support/served-site.ts";
import { freePort } from "../support/served-tftp.ts";
import { TftpClient } from "../support/tftp-client.ts";

const loader = randomBytes(randomNumbers(7), 50_000);
const args = () => ["serve", "--config", join(folder, "eim-pxe.yaml")];

let folder: string;
let program: Program;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "eim-pxe-descriptors-"));
  await writeFile(join(folder, "ipxe.efi"), loader);
  program = await Program.build();
});

afterAll(async () => {
  await program.remove();
  await rm(folder, { recursive: true });
});

/** @returns the port of TFTP */
async function configure(): Promise<number> {
  const tftp = await freePort();
  const text = `
dataDir: ${folder}/data
interfaces: [{ name: lo, address: 127.0.0.1, dhcp: { mode: off } }]
tftp: { port: ${tftp} }
http: { port: 0 }
admin: { listen: "127.0.0.1:0" }
artifacts: { loaderDirs: [${folder}] }
`;
  await writeFile(join(folder, "eim-pxe.yaml"), text);
  return tftp;
}

describe("field fault 51: with few file descriptors", () => {
  it.each([24, 28])("of %i it says what to raise", async (descriptors) => {
    await configure();
    const { code, err } = await program.startWithDescriptors(descriptors, args()).finished();
    expect(code).toBe(1);
    expect(err).toContain("raise the limit to 4096 or more: `ulimit -n 4096`");
    expect(err).not.toMatch(/fault of its own|\.js/);
  });

  it("machines boot as many as there are descriptors for, whoever else asks", async () => {
    const port = await configure();
    const server = program.startWithDescriptors(256, args());
    const limits = await server.event("few-descriptors");
    expect(limits).toMatchObject({ descriptors: 256, tftpTransfers: 34, httpConnections: 68 });
    const url = await urlOf(server, "http");
    const endpoint = { address: "127.0.0.1", port };
    const options = new Map<string, string>();
    const request = encodePacket({ opcode: "rrq", filename: "ipxe.efi", mode: "octet", options });
    // They never answer, so their transfers hold their sockets.
    const silent = await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        openDgram({ address: `127.3.0.${1 + (i % 250)}`, port: 0 }),
      ),
    );
    for (const socket of silent) socket.send(request, endpoint);
    const client = await TftpClient.open(openDgram);
    expect(await client.fetch(endpoint, "ipxe.efi", { blksize: 1468 })).toEqual(loader);
    const answer = await fetch(`${url}/ipxe.efi`);
    expect(answer.status).not.toBe(500);
    await answer.arrayBuffer();
    expect(
      server
        .log()
        .map(({ reason }) => String(reason))
        .join(),
    ).not.toMatch(/EMFILE|file descriptors/);
    server.kill("SIGTERM");
    expect((await server.finished()).code).toBe(0);
    await Promise.all([client, ...silent].map((one) => one.close()));
  });
});
