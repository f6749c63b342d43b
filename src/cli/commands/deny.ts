/** `deny`: refuses what an agent asks. */
import type { Context } from "../command.ts";
import { answer } from "./approve.ts";

export const run = (context: Context): Promise<number> => answer(context, "deny");
