import { describe, expect, test } from "vitest";
import { Database } from "../../../src/daemon/database/database.ts";
import { DatabaseError, type Sql } from "../../../src/daemon/database/sql.ts";

/** A database that is connected to and answers nothing until its connection ends. */
function silent() {
  let asked: () => void = () => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const ends: ((error: Error) => void)[] = [];
  const answer = () =>
    new Promise<never>((_resolve, reject) => {
      ends.push(reject);
      asked();
    });
  const state = { closed: 0 };
  const sql: Sql = {
    query: answer,
    run: answer,
    close: () => {
      state.closed += 1;
      for (const end of ends.splice(0)) end(new DatabaseError("the connection was closed"));
      return Promise.resolve();
    },
  };
  const database = new Database({
    connect: () => Promise.resolve(sql),
    place: "the database",
    server: "here",
    name: "here",
    addresses: () => [],
    formerPeers: [],
    remember: () => {},
    emit: () => {},
    clock: { now: () => 0, wall: () => 0 },
  });
  return { database, isAsked, state };
}

describe("a database that does not answer", () => {
  test("keeps nobody who stops: its connection ends first", async () => {
    const { database, isAsked, state } = silent();
    const started = database.start();
    await isAsked;
    const closed = database.close();
    expect(state.closed).toBe(1);
    await Promise.all([closed, started]);
    expect(database.isUsable).toBe(false);
  });

  test("keeps no start that is to end", async () => {
    const { database, isAsked } = silent();
    const stopping = new AbortController();
    const started = database.start(stopping.signal);
    await isAsked;
    stopping.abort();
    await started;
    expect(database.problem).toBe("it was not asked yet");
    await database.close();
  });
});
