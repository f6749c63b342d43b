/**
 * What the receiver's worker knows of a destination. A sink sends once and says what came of it; it never waits or
 * retries.
 */
import type { HarnessEvent } from "./event.ts";

export const SINKS = ["discord", "openclaw"] as const;
export type SinkName = (typeof SINKS)[number];

/** A stored webhook on its way to a sink. */
export interface Delivery {
  readonly seq: number;
  /** Short, shown in every post. */
  readonly id: string;
  readonly event: HarnessEvent;
}

export type SendOutcome =
  | { readonly type: "delivered"; readonly detail: string }
  /**
   * Try again, after a pause of the sink that grows with each failure. `waitMs`: the other side asked for it. `free`:
   * it was not even looked at, so it costs no try.
   */
  | {
      readonly type: "retry";
      readonly reason: string;
      readonly waitMs?: number;
      readonly free?: boolean;
    }
  /** These deliveries will never pass; the next ones may. */
  | { readonly type: "dead"; readonly reason: string }
  /** The destination itself is unusable as configured. All deliveries wait; it looks again by itself. */
  | { readonly type: "stopped"; readonly reason: string; readonly retryInMs: number };

export interface SendResult {
  readonly outcome: SendOutcome;
  /** Nothing may be sent for so long, whatever came of this one. */
  readonly pauseMs?: number;
  /** Something a person should mend although the delivery found a way; null = the way is clear again. */
  readonly fault?: string | null;
}

export interface SinkRetry {
  /** The sink's pause after its 1st, 2nd … failure in a row; the last one repeats. */
  readonly delaysMs: readonly number[];
  /** Either gives a delivery up, once a younger one has passed it: an outage gives none up. */
  readonly maxTries: number;
  readonly giveUpAfterMs: number;
  /** From so many tries on, younger deliveries may pass, and tries are `slowMs` apart. */
  readonly stepAsideAfter: number;
  readonly slowMs: number;
  /** Between the starts of two sends: what arrives meanwhile can go together. */
  readonly gapMs: number;
}

export interface Sink {
  readonly name: SinkName;
  readonly retry: SinkRetry;
  /** How many waiting deliveries `choose` wants to see. */
  readonly lookAhead: number;
  /** The part of `waiting` (in order, not empty) that goes out together, the first one included. */
  choose(waiting: readonly Delivery[]): readonly Delivery[];
  /** Never throws for what the other side does. */
  send(batch: readonly Delivery[], signal: AbortSignal): Promise<SendResult>;
  /** For `check`: what works and what not, one line each, no secrets. */
  probe(signal: AbortSignal): Promise<readonly Finding[]>;
}

export interface Finding {
  readonly ok: boolean;
  readonly text: string;
}
