import { expect, it } from "vitest";
import { describePacket } from "../../../src/dhcp/wire/packet-json.ts";
import { optionTable } from "../../../src/dhcp/wire/options.ts";
import { packetWith } from "../../support/dhcp.ts";

it("a packet as JSON has nothing that is a command to a terminal, whatever is in the packet", () => {
  const bytes = Uint8Array.from({ length: 255 }, (_, at) => 255 - at);
  const options = Object.fromEntries([...optionTable.keys()].map((code) => [code, bytes]));
  const names = { sname: "a\u009b2J\u001b[2J", file: "\u0085\u00ff\\b\u007f" };
  const described = describePacket(packetWith(options, names));
  // The dots are where a long text was cut.
  expect(/[^ -~…]/.exec(JSON.stringify(described))).toBeNull();
  expect(described).toMatchObject({
    sname: "a\\x9b2J\\x1b[2J",
    file: "\\x85\\xff\\b\\x7f",
  });
});
