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
  /** Before we go: an abort that was announced is with the daemon, or the person has heard that it may not be. */
  handedOver(): Promise<void>;
  close(): void;
}

/** By then a request is out, though not answered: the program's word may take long. */
const SENT_MS = 100;
/** So long we stay for an abort; whoever presses a third time does not. */
const HAND_OVER_MS = 5000;

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
  let handing: Promise<unknown> = Promise.resolve();
  const hurry = Promise.withResolvers<"gone">();
  const abort = (): void => {
    const sent = Promise.withResolvers<undefined>();
    void sendAbort(() => setTimeout(sent.resolve, SENT_MS, undefined)).then(sent.resolve);
    handing = sent.promise;
  };
  const sendAbort = async (sending: () => void): Promise<undefined> => {
    desk.interrupt();
    const client = context.client();
    const path = `/api/v1${pathOf(agent)}`;
    try {
      // What was not delivered is taken back: the turn that runs may be somebody else's.
      await client.call(`${path}/inputs/${input}`, { method: "DELETE" });
    } catch (error) {
      if (!(error instanceof HarnessError) || error.code !== "INPUT_DELIVERED") {
        display.say(failure(error));
        return;
      }
      sending();
      await client
        .call(`${path}/abort`, { method: "POST", body: { keepQueued: true }, timeoutMs: CONFIRM_MS })
        .catch((why: unknown) => display.say(failure(why)));
    }
  };
  const interrupted = (): void => {
    pressed++;
    if (pressed === 1) {
      display.say("aborting; once more leaves it to itself");
      abort();
    } else if (pressed > 2) hurry.resolve("gone");
    else {
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
          abort();
        }, limit);
  return {
    get late() {
      return late;
    },
    async handedOver() {
      const tooLate = setTimeout(() => hurry.resolve("gone"), HAND_OVER_MS);
      const how = await Promise.race([handing, hurry.promise]);
      clearTimeout(tooLate);
      if (how === "gone") display.say(`agent-harness: the daemon did not answer: ${nameOf(agent)} may not be aborted`);
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
