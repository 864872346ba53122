import { describe, expect, test } from "vitest";
import { HttpConnections } from "../../../src/daemon/links/http-connections.ts";
import type { PxeEvent } from "../../../src/events/types.ts";

describe("HTTP connections", () => {
  function made(connections: number) {
    const events: PxeEvent[] = [];
    const clock = { nowMs: 0, now: () => clock.nowMs };
    const emit = (event: PxeEvent) => void events.push(event);
    const http = new HttpConnections({ port: "boot", connections, emit, clock });
    return { http, events, clock };
  }

  test("are shared out so that one client can have a quarter, and eight in any case", () => {
    expect(made(4096).http.limits).toMatchObject({ connections: 4096, perClient: 1024 });
    expect(made(16).http.limits).toMatchObject({ connections: 16, perClient: 8 });
  });

  test("that are refused are reported with who has them, and used up is what all together used up", () => {
    const { http, events, clock } = made(100);
    const { refused } = http.listenOptions;
    refused("192.168.77.5", "client");
    expect(http.usedUp()).toBeNull();
    refused("192.168.77.6", "all");
    expect(events).toEqual([
      {
        event: "http-connections-refused",
        port: "boot",
        client: "192.168.77.5",
        refused: 1,
        reason: "this client uses 25 connections, which is the share of one client",
      },
      {
        event: "http-connections-refused",
        port: "boot",
        client: null,
        refused: 1,
        reason: "all 100 connections are in use",
      },
    ]);
    clock.nowMs = 59_999;
    expect(http.usedUp()).toBe(100);
    clock.nowMs = 60_000;
    expect(http.usedUp()).toBeNull();
  });

  test("are counted by whether a request is under way", () => {
    const { http } = made(100);
    const { admission } = http.listenOptions;
    const places = ["a", "b", "c"].map((address) => ({ address, destroy: () => {} }));
    for (const place of places) admission.add(place);
    for (const place of places.slice(1)) admission.busy(place);
    expect(http.counts()).toEqual({ busy: 2, idle: 1 });
  });
});
