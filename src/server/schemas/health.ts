import { z } from "zod";

export const healthResponse = z
  .object({
    status: z.enum(["ok", "failed"]),
    reason: z.string().optional(),
    lanes: z.object({ total: z.number().int(), leased: z.number().int() }),
    sequences: z.object({ open: z.number().int(), waiting: z.number().int() }),
    prefixStore: z.object({
      bytes: z.number().int(),
      maxBytes: z.number().int(),
      hitTokens: z.number().int(),
      queryTokens: z.number().int(),
    }),
    evaluatedTokens: z.number().int(),
    passes: z.number().int(),
  })
  .meta({ id: "HealthResponse" });
