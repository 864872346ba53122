import { z } from "zod";
import { eventCatalogue } from "../events/catalogue.ts";

/** The `data` of one message of the stream: an event with its fields, as `docs/events.md` lists them. */
export const streamedEvent = z
  .object({ event: z.enum(Object.keys(eventCatalogue)) })
  .catchall(z.json());

/** The `data` of the one message that a reader gets whose `Last-Event-ID` is not remembered. */
export const resetEvent = z.object({ event: z.literal("reset"), reason: z.string() });
export type ResetEvent = z.output<typeof resetEvent>;
