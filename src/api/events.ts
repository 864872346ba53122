import { z } from "zod";
import { eventCatalogue } from "../events/catalogue.ts";

/** The `data` of one message of the stream: an event with its fields, as `docs/events.md` lists them. */
export const streamedEvent = z
  .object({ event: z.enum(Object.keys(eventCatalogue)) })
  .catchall(z.json());
