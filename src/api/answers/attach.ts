/** Taking a conversation over: how the screen is started, and the lease. */
import { array, nullable, object, optional, record, union } from "../../lib/check.ts";
import { about, count, named, text, time } from "./shape.ts";

const screenProcess = object({ bootId: text, pid: count, startTicks: count });

const screenLaunch = named(
  "ScreenLaunch",
  "How the program's own screen is started on the conversation",
  object({
    argv: array(text),
    cwd: text,
    env: record(text),
    variables: about("Names of what the agent was given; their values are not told", array(text)),
    version: about("The program's, as its last run told it", nullable(text)),
  }),
);

const noScreen = object({ reason: about("Why it cannot be taken over", text) });

export const attachPlan = object({
  screen: union(screenLaunch, noScreen),
  host: about(
    "Where it can be started: this boot, this user, this namespace of processes",
    object({ bootId: text, uid: count, pidNamespace: text }),
  ),
  attached: nullable(object({ since: time, screen: nullable(screenProcess) })),
});

export const lease = object({ lease: text, screen: optional(screenLaunch) });
