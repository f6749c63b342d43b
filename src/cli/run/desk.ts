/** Requests of the agent in the middle of a run, one after the other: asked here, or left to somebody else. */
import { HarnessError } from "../../lib/errors.ts";
import { decide } from "../answers.ts";
import type { Asked } from "../asks.ts";
import type { Context } from "../command.ts";
import type { AgentShape } from "../shapes.ts";
import { openTerminal } from "../tty.ts";
import { askPerson } from "./ask.ts";
import type { Display } from "./display.ts";
import type { Ending } from "./ending.ts";
import { waitsWords } from "./ending.ts";

export interface Desk {
  asked(request: Asked): void;
  settled(id: string, state: string, by: string): void;
  /** A question on the screen is taken away. */
  interrupt(): void;
  close(): void;
}

export function openDesk(
  context: Context,
  agent: AgentShape,
  display: Display,
  textFromStdin: boolean,
  end: (how: Ending) => void,
): Desk {
  const { args, io } = context;
  const staysAnyway = args.has("wait-input");
  const mayAsk = (io.mayAsk || (textFromStdin && !args.has("no-input"))) && io.err.isTty && !args.off("wait-input");
  const terminal = mayAsk ? openTerminal(io.err.write, () => process.emit("SIGINT")) : null;
  const waiting: Asked[] = [];
  const known = new Set<string>();
  /** Answered here. */
  const ours = new Set<string>();
  let current: { readonly id: string; readonly stop: AbortController } | null = null;
  let closed = false;

  const leave = (request: Asked): void => {
    if (staysAnyway) display.say(waitsWords(agent, request));
    else end({ how: "waits", request });
  };
  const next = async (): Promise<void> => {
    const request = waiting[0];
    if (request === undefined || current !== null || closed) return;
    if (terminal === null) {
      waiting.shift();
      leave(request);
      return next();
    }
    const stop = new AbortController();
    current = { id: request.id, stop };
    display.hold();
    try {
      const decided = await askPerson(request, io.err, terminal, stop.signal);
      if (decided === null) leave(request);
      else {
        ours.add(request.id);
        await decide(context.client(), request, decided);
      }
    } catch (error) {
      if (stop.signal.aborted) io.err.line("");
      else if (error instanceof HarnessError) io.warn(error.message);
      else throw error;
    } finally {
      display.release();
      waiting.shift();
      current = null;
    }
    return next();
  };

  return {
    asked(request) {
      if (known.has(request.id)) return;
      known.add(request.id);
      waiting.push(request);
      void next().catch((error: unknown) => {
        throw error;
      });
    },
    settled(id, state, by) {
      const at = waiting.findIndex((each) => each.id === id);
      if (at === -1 || ours.has(id)) return;
      if (current?.id === id) {
        current.stop.abort();
        if (by === "user") display.say(`${id} was ${state} by somebody else`);
        else display.say(`${id} was ${state} (${by.replace("_", " ")})`);
      } else waiting.splice(at, 1);
    },
    interrupt: () => current?.stop.abort(),
    close() {
      closed = true;
      current?.stop.abort();
      terminal?.close();
    },
  };
}
