/** `bridge`: how the daemon runs programs that only serve HTTP. Not for people. */
import { runBridge } from "../../bridge/opencode.ts";
import { systemClock } from "../../lib/clock.ts";
import type { Context } from "../command.ts";

export const run = ({ args, env }: Context): Promise<number> => runBridge(args.words, env, systemClock);
