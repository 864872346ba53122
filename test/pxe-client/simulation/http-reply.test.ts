import { describe, expect, test } from "vitest";
import { fromText, toText } from "../../../src/lib/bytes.ts";
import { ChunkedBody, readHead } from "../../../src/pxe-client/simulation/http-reply.ts";

describe("the head of an HTTP answer", () => {
  test("is read once it is whole", () => {
    const text = "HTTP/1.1 200 OK\r\nContent-Length: 14\r\n\r\nbody";
    expect(readHead(fromText(text.slice(0, 30)))).toBeNull();
    expect(readHead(fromText(text))).toEqual({
      status: 200,
      length: 14,
      chunked: false,
      location: null,
      retryAfterSeconds: null,
      bytes: 39,
    });
  });

  test("says how long to wait, where to go, and that the body is in chunks", () => {
    const text =
      "HTTP/1.0 503 Busy\r\nretry-after: 7\r\nLocation: /x\r\nTransfer-Encoding: chunked\r\n\r\n";
    expect(readHead(fromText(text))).toMatchObject({
      status: 503,
      retryAfterSeconds: 7,
      location: "/x",
      chunked: true,
      length: null,
    });
  });

  test("is none where something else answers", () => {
    expect(readHead(fromText("SSH-2.0-OpenSSH\r\n\r\n"))).toContain("no HTTP");
    expect(readHead(new Uint8Array(20_000))).toContain("no end");
  });
});

describe("a body in chunks", () => {
  const body = "4;x=y\r\nWiki\r\n5\r\npedia\r\n0\r\n\r\n";

  test.each([1, 2, 7, 100])("is put together from pieces of %i bytes", (size) => {
    const chunks = new ChunkedBody();
    let text = "";
    for (let at = 0; at < body.length; at += size) {
      const contents = chunks.read(fromText(body.slice(at, at + size)));
      text += (contents ?? []).map((one) => toText(one)).join("");
    }
    expect({ text, over: chunks.over }).toEqual({ text: "Wikipedia", over: true });
  });

  test("is refused where it is not in chunks", () => {
    expect(new ChunkedBody().read(fromText("<html>\r\n"))).toBeNull();
    expect(new ChunkedBody().read(new Uint8Array(400).fill(0x31))).toBeNull();
  });
});
