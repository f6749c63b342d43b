/** Waiting for something to become true of an agent. */
import type { Actor } from "../agents/actor.ts";
import type { ApiDeps } from "./deps.ts";

/** true = `reached` held within the limit. Looks after each commit of the agent, never by polling. */
export function until(
  { bus, clock }: ApiDeps,
  actor: Actor,
  reached: () => boolean,
  limitMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  if (reached()) return Promise.resolve(true);
  return new Promise((resolve) => {
    const finish = (ok: boolean): void => {
      stop();
      timer.cancel();
      signal.removeEventListener("abort", gone);
      resolve(ok);
    };
    const gone = (): void => finish(false);
    const stop = bus.onCommit(({ agent }) => {
      if (agent === actor.id && reached()) finish(true);
    });
    const timer = clock.setTimer(limitMs, () => finish(false));
    signal.addEventListener("abort", gone);
  });
}
