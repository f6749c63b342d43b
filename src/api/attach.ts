/**
 * A person takes a conversation over in the program's own screen, and gives it back. What is answered holds no value of
 * a variable that the agent was given.
 */
import { readlinkSync } from "node:fs";
import type { Actor } from "../agents/actor.ts";
import { ownHost } from "../agents/attach.ts";
import { json } from "../http/answer.ts";
import { route } from "../http/router.ts";
import { integer, object, optional, string } from "../lib/check.ts";
import { HarnessError } from "../lib/errors.ts";
import { LaunchRefused } from "../providers/contract.ts";
import type { ProviderScreen } from "../providers/screen.ts";
import { SCREENS } from "../providers/screens.ts";
import type { ApiDeps } from "./deps.ts";
import { actorAt } from "./deps.ts";
import { iso } from "./views.ts";
import { until } from "./until.ts";

const PATH = "/api/v1/projects/:name/agents/:id/attach";
const END_MS = 20_000;

/** Variables that say where things lie are no secrets, and without them the screen would look elsewhere. */
const PLACES =
  /^(HOME|XDG_[A-Z_]+_HOME|CLAUDE_CONFIG_DIR|CODEX_HOME|PI_CODING_AGENT_DIR|OPENCODE_CONFIG(_DIR)?|OPENCODE_DB)$/;

const renewal = object({
  lease: optional(string({ min: 1, max: 64 })),
  screen: optional(
    object({
      bootId: string({ min: 1, max: 64 }),
      pid: integer({ min: 1, max: 4_194_304 }),
      startTicks: integer({ min: 0, max: Number.MAX_SAFE_INTEGER }),
    }),
  ),
});

export function attachRoutes(deps: ApiDeps) {
  const { attachments } = deps;
  return [
    route({
      method: "GET",
      path: PATH,
      summary: "How the program's own screen would be started, and who has the conversation now",
      handler({ params }) {
        const actor = actorAt(deps, params);
        const lease = attachments.lease(actor.id);
        const attached = lease === null ? null : { since: iso(lease.beganAt), screen: lease.screen };
        return json({ screen: screenPlan(deps, actor), host: host(), attached });
      },
    }),
    route({
      method: "POST",
      path: PATH,
      summary:
        "Take the conversation over: our process ends. With the lease: it is renewed (every 10 s, 30 s old = given back)",
      body: optional(renewal),
      async handler({ params, body, keepOpen, signal }) {
        const actor = actorAt(deps, params);
        if (body?.lease !== undefined) {
          attachments.renew(actor, body.lease, body.screen ?? null);
          return json({ lease: body.lease });
        }
        const plan = screenPlan(deps, actor);
        if (!("argv" in plan)) throw new HarnessError("NO_SCREEN", plan.reason);
        keepOpen();
        const lease = attachments.begin(actor);
        const gone = await until(
          deps,
          actor,
          () => actor.live() === null && actor.state().intent === null,
          END_MS,
          signal,
        );
        if (!gone)
          throw new HarnessError(
            "STOP_UNCONFIRMED",
            "our process does not end: GET …/debug names it; try again in a moment",
          );
        attachments.begun(actor);
        return json({ lease: lease.id, screen: plan }, { status: 201 });
      },
    }),
    route({
      method: "DELETE",
      path: PATH,
      summary: "Give the conversation back; what was said in the screen is brought in",
      query: object({ lease: string({ min: 1, max: 64 }) }),
      async handler({ params, query, keepOpen }) {
        const actor = actorAt(deps, params);
        keepOpen();
        return json({ messages: await attachments.end(actor, query.lease, screenOf(deps, actor)) });
      },
    }),
  ];
}

export function screenOf({ providers }: ApiDeps, actor: Actor): ProviderScreen | null {
  const provider = providers.get(actor.agent().provider);
  return provider === undefined ? null : SCREENS[provider.settings.kind];
}

const host = () => ownHost(readlinkSync("/proc/self/ns/pid"));

type Plan =
  | {
      readonly argv: readonly string[];
      readonly cwd: string;
      readonly env: Readonly<Record<string, string>>;
      /** Names of what the agent was given by its request and its provider: their values stay here. */
      readonly variables: readonly string[];
      readonly version: string | null;
    }
  | { readonly reason: string };

function screenPlan(deps: ApiDeps, actor: Actor): Plan {
  const agent = actor.agent();
  const screen = screenOf(deps, actor);
  if (screen === null)
    return { reason: "nothing to attach to, its program has no screen: agent-harness logs -f and send are the way" };
  try {
    const context = actor.runSettings().launch(Math.max(1, agent.state.run));
    const { argv, env } = screen.launch(context);
    const places = Object.fromEntries(Object.entries(context.env).filter(([name]) => PLACES.test(name)));
    const given = [
      ...Object.keys(agent.settings.env),
      ...Object.keys(deps.providers.get(agent.provider)?.settings.env ?? {}),
    ].filter((name) => places[name] === undefined);
    return {
      argv,
      cwd: context.cwd,
      env: { ...places, ...env },
      variables: [...new Set(given)].sort(),
      version: actor.progress().version ?? null,
    };
  } catch (error) {
    if (error instanceof LaunchRefused || error instanceof HarnessError) return { reason: error.message };
    throw error;
  }
}
