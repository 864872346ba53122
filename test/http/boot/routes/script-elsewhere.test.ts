import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { emptyNode } from "../../../../src/boot/node.ts";
import { BootPort } from "../../../support/boot-port.ts";

describe("a script elsewhere for every machine (boot.scriptUrl)", () => {
  const elsewhere = { kind: "elsewhere", url: "https://boot.example/{mac}/{uuid}" } as const;
  const policy = {
    loaders: new Map<number, string>(),
    userClasses: [],
    unknownNodes: "allow",
    macInUrls: { script: "dash", loader: "colon" },
  } as const;
  const uuid = "33221100-5544-7766-8899-aabbccddeeff";
  let port: BootPort;
  const get = async (path: string) => (await fetch(port.url + path)).text();

  beforeEach(async () => {
    port = new BootPort({ script: elsewhere, policy });
    await port.open();
  });
  afterEach(() => port.close());

  test("is chained to, with the machine's MAC and UUID, before anything is mirrored", async () => {
    const script = await get(`/08:00:27:29:4e:67/boot.ipxe?uuid=${uuid}`);
    expect(script).toContain(`chain --replace https://boot.example/08-00-27-29-4e-67/${uuid} ||`);
    expect(script).toContain("/events?stage=");
    expect(port.events).toMatchObject([{ event: "script", generation: null, uuid }]);
  });

  test("has iPXE fill in what is not known", async () => {
    expect(await get("/boot.ipxe")).toContain(
      "chain --replace https://boot.example/${mac:hexhyp}/${uuid} ||",
    );
  });

  test("gives way to a node's own", async () => {
    port.nodes = () => ({ ...emptyNode, scriptUrl: "http://own.example/x.ipxe" });
    expect(await get("/08:00:27:29:4e:67/boot.ipxe")).toContain(
      "chain --replace http://own.example/x.ipxe ||",
    );
  });
});
