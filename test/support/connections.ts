import type { Socket } from "node:net";
import { Admission } from "../../src/http/connections/admission.ts";
import type { ListenOptions } from "../../src/http/listen.ts";

/** For tests that are not about connections: as many as anybody wants. */
export function anyNumber(): ListenOptions {
  return {
    admission: new Admission({ connections: Infinity, perClient: Infinity }),
    refused: () => {},
  };
}

/** Everything that comes until the other side ends. */
export async function received(socket: Socket): Promise<string> {
  let text = "";
  for await (const chunk of socket) text += String(chunk);
  return text;
}
