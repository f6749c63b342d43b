/** What the reducer may know besides the state, put together for one step. */
import type { Agent } from "../store/agents.ts";
import type { CauseSource } from "../words/agent.ts";
import type { ActorDeps } from "./actor-deps.ts";
import type { Surroundings } from "./model.ts";

export function surroundingsOf(
  deps: Pick<ActorDeps, "runSettings" | "limits" | "pace" | "accounts">,
  agent: Agent,
  moment: Pick<Surroundings, "nowMs" | "ranMs"> & { readonly source: CauseSource },
): Surroundings {
  const { codec, permissions, closing, model, onLimit } = deps.runSettings(agent);
  const { oneshot, redelivery, tornLine, startDeadlineMs, carriedTotals = [], metering } = codec.traits;
  return {
    ...moment,
    lastWords: false,
    agentId: agent.id,
    permissions,
    limits: deps.limits,
    oneshot,
    redelivery,
    tornLine,
    startDeadlineMs,
    carriedTotals,
    closing,
    totalsDieWithIt: codec.traits.totalsDieWithIt ?? false,
    tellsUsage: metering.tokens !== "no",
    model,
    onLimit,
    pace: deps.pace,
    ...deps.accounts.standing(agent),
  };
}
