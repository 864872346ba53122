import { z } from "zod";

/** What a code on a machine's screen means. */
export const codeReply = z.object({
  code: z.string().describe("as it was asked"),
  meanings: z
    .array(
      z.object({
        code: z.string(),
        printer: z.enum(["bios", "uefi", "ipxe"]).describe("what prints it"),
        message: z.string().describe("the words beside it on the screen"),
        cause: z.string(),
        remedy: z.string(),
        who: z.enum(["site", "network", "orchestrator", "us"]).describe("who has to act"),
      }),
    )
    .readonly()
    .describe("more than one where BIOS and UEFI use the same number differently"),
});
export type CodeReply = z.output<typeof codeReply>;

export const codePath = z.object({ code: z.string().max(128) });

export const codeQuery = z.object({
  architecture: z
    .string()
    .regex(/^[0-9]{1,5}$/, "must be a number of DHCP option 93; 0 is BIOS")
    .transform(Number)
    .optional(),
});
