/** What comes into the bridge's core, and what it wants done. */
import type { BridgeCommand, BridgeLine, PromptFile } from "../providers/opencode/lines.ts";
import type { SessionStatus, SessionTotals, WireAsk, WireEvent, WireMessage } from "./wire.ts";

/** What the server answered when it was asked for everything. */
export interface Truth {
  readonly statuses: ReadonlyMap<string, SessionStatus>;
  readonly asks: readonly WireAsk[];
}

export interface TurnTruth {
  readonly status: SessionStatus;
  readonly messages: readonly WireMessage[];
  /** Null: they could not be had whole. */
  readonly totals: SessionTotals | null;
}

/** What the core is told. */
export type CoreInput =
  | { readonly h: "command"; readonly command: Exclude<BridgeCommand, { cmd: "start" | "end" }> }
  | { readonly h: "event"; readonly event: WireEvent }
  /** After every connection of the stream but the first, and when nothing was heard of a turn for long. */
  | { readonly h: "truth"; readonly truth: Truth }
  /** Was this input's message stored before? `id` is its id, or the one it is to get. */
  | {
      readonly h: "looked_up";
      readonly key: string;
      readonly stored: boolean;
      readonly id: string;
    }
  /** `refused`: the server said no, and will say it again. Otherwise it could not be reached. */
  | {
      readonly h: "posted";
      readonly key: string;
      readonly result: "ok" | "refused" | "unreachable";
      readonly message: string;
    }
  | { readonly h: "replied"; readonly id: string; readonly result: "ok" | "gone" | "unreachable" }
  | { readonly h: "turn_read"; readonly truth: TurnTruth }
  | { readonly h: "read_failed" }
  | { readonly h: "wake" };

/** What the core wants done. */
export type CoreAction =
  | { readonly do: "tell"; readonly line: BridgeLine }
  | { readonly do: "look_up"; readonly key: string; readonly writtenAtMs: number }
  | {
      readonly do: "post";
      readonly key: string;
      readonly id: string;
      readonly text: string;
      readonly files: readonly PromptFile[];
    }
  | {
      readonly do: "reply";
      readonly id: string;
      readonly body: Extract<BridgeCommand, { cmd: "permission" | "question" }>;
    }
  /** A sub-agent's question that nobody will answer. */
  | { readonly do: "dismiss"; readonly ask: WireAsk }
  | { readonly do: "abort" }
  | { readonly do: "read_truth" }
  /** The root session's messages from `anchor` on, its status, its totals. */
  | { readonly do: "read_turn"; readonly anchor: string }
  /** One timer: the newest one counts. */
  | { readonly do: "wake"; readonly inMs: number };
