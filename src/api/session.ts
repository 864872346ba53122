import { z } from "zod";

/** What whoever asks may do: `none` until a token is presented where one is needed. */
export const session = z.object({
  access: z.enum(["none", "read", "write"]),
  signedIn: z.boolean().describe("by the cookie of the dashboard"),
  needsToken: z.boolean().describe("whether admin.tokenFile is set"),
});
export type SessionReply = z.output<typeof session>;
export type Access = SessionReply["access"];

/** The token of `admin.tokenFile` or of `admin.readTokenFile`. */
export const signIn = z.strictObject({ token: z.string().min(1).max(1024) });
