/** What ends a run from our side: Ctrl-C aborts the turn, once more leaves; a time limit aborts; a hang-up leaves. */
import { HarnessError, errorText } from "../../lib/errors.ts";
import { EXIT } from "../../words/exits.ts";
import type { Context } from "../command.ts";
import { CONFIRM_MS } from "../commands/abort.ts";
import type { AgentShape } from "../shapes.ts";
import { nameOf, pathOf } from "../shapes.ts";
import type { Desk } from "./desk.ts";
import type { Display } from "./display.ts";
import type { Ending } from "./ending.ts";

export interface Control {
  /** The time limit has struck. */
  readonly late: boolean;
  close(): void;
}

const HANGUP = 129;
const TERMINATED = 143;

export function openControl(
  context: Context,
  agent: AgentShape,
  input: number,
  display: Display,
  desk: Desk,
  end: (how: Ending) => void,
): Control {
  let late = false;
  let pressed = 0;
  const abort = async (): Promise<void> => {
    desk.interrupt();
    const client = context.client();
    const path = `/api/v1${pathOf(agent)}`;
    try {
      // What was not delivered is taken back: the turn that runs may be somebody else's.
      await client.call(`${path}/inputs/${input}`, { method: "DELETE" });
    } catch (error) {
      if (!(error instanceof HarnessError) || error.code !== "INPUT_DELIVERED") return display.say(failure(error));
      await client
        .call(`${path}/abort`, { method: "POST", body: { keepQueued: true }, timeoutMs: CONFIRM_MS })
        .catch((why: unknown) => display.say(failure(why)));
    }
  };
  const interrupted = (): void => {
    pressed++;
    if (pressed === 1) {
      display.say("aborting; once more leaves it to itself");
      void abort();
    } else {
      display.say(`${nameOf(agent)} goes on: agent-harness logs -f ${nameOf(agent)}`);
      end({ how: "left", code: EXIT.interrupted });
    }
  };
  const leave = (code: number) => (): void => end({ how: "left", code });
  const [hungUp, terminated] = [leave(HANGUP), leave(TERMINATED)];
  process.on("SIGINT", interrupted);
  process.on("SIGHUP", hungUp);
  process.on("SIGTERM", terminated);
  const limit = context.args.duration("timeout");
  const timer =
    limit === undefined
      ? undefined
      : setTimeout(() => {
          late = true;
          display.say(`the time is over (--timeout ${context.args.value("timeout") ?? ""}); aborting`);
          void abort();
        }, limit);
  return {
    get late() {
      return late;
    },
    close() {
      clearTimeout(timer);
      process.off("SIGINT", interrupted);
      process.off("SIGHUP", hungUp);
      process.off("SIGTERM", terminated);
    },
  };
}

const failure = (error: unknown): string => `agent-harness: ${errorText(error)}`;
