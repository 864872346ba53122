import { describe, expect, test } from "vitest";
import { plainGet } from "../../../src/http/connections/plain-get.ts";

const request = (...lines: string[]) => Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1");
const get = "GET /boot.ipxe HTTP/1.1";
const host = "Host: 192.168.77.1:8080";

describe("a plain GET", () => {
  test.each([
    ["of iPXE", request(get, "Connection: keep-alive", "User-Agent: iPXE/1.21.1", host)],
    ["of few words", request(get, host)],
    ["with names in any case", request(get, "HOST:a", "ACCEPT: */*", "connection: Keep-Alive")],
  ])("%s", (_what, bytes) => {
    expect(plainGet(bytes)).toMatchObject({ target: "/boot.ipxe", range: null });
  });

  test("tells the range, and who asks", () => {
    const asked = request(get, host, "RANGE:bytes=0-1", "User-Agent: iPXE/1.21.1", "User-Agent: b");
    expect(plainGet(asked)).toEqual({
      target: "/boot.ipxe",
      range: "bytes=0-1",
      userAgent: "iPXE/1.21.1",
    });
    expect(plainGet(request(get, host))?.userAgent).toBeNull();
  });

  test.each([
    ["an older protocol", request("GET /boot.ipxe HTTP/1.0", host)],
    ["another method", request("HEAD /boot.ipxe HTTP/1.1", host)],
    ["GET in small letters", request("get /boot.ipxe HTTP/1.1", host)],
    ["a whole URL", request("GET http://a/boot.ipxe HTTP/1.1", host)],
    ["two blanks", request("GET  /boot.ipxe HTTP/1.1", host)],
    ["no host", request(get, "User-Agent: iPXE")],
    ["two hosts", request(get, host, host)],
    ["two ranges", request(get, host, "Range: bytes=0-1", "Range: bytes=2-3")],
    ["a condition", request(get, host, 'If-None-Match: "x"')],
    ["a body", request(get, host, "Content-Length: 1")],
    ["a chunked body", request(get, host, "Transfer-Encoding: chunked")],
    ["a name with a blank", request(get, "Host : a")],
    ["a folded header", request(get, host, " User-Agent: x")],
    ["a header without a name", request(get, host, ": x")],
    ["a header without a colon", request(get, host, "Accep")],
    ["a header of one letter too many, and no colon", request(get, host, "Acceptx")],
    ["another host without a colon", request(get, "Hostx")],
    ["a wish to close", request(get, host, "Connection: close")],
    ["an upgrade", request(get, host, "Connection: keep-alive, upgrade")],
    ["an expectation", request(get, host, "Expect: 100-continue")],
    ["a control character", request(get, host, "User-Agent: a\u0001")],
    ["a NUL", request(get, host, "User-Agent: a\u0000")],
    ["a letter that is not ASCII", request(get, host, "User-Agent: \u00e4")],
    ["lines that end without CR", Buffer.from(`${get}\n${host}\n\n`)],
    ["a lone CR", request(get, `${host}\rRange: bytes=0-1`)],
    ["no end", Buffer.from(`${get}\r\n${host}\r\n`)],
    ["a second request", Buffer.concat([request(get, host), request(get, host)])],
    ["something behind it", Buffer.concat([request(get, host), Buffer.from("x")])],
    ["a line break ahead", Buffer.concat([Buffer.from("\r\n"), request(get, host)])],
    ["more than a kilobyte", request(get, host, `User-Agent: ${"x".repeat(1024)}`)],
    ["nothing", Buffer.alloc(0)],
  ])("is none with %s", (_what, bytes) => {
    expect(plainGet(bytes)).toBeNull();
  });
});
