/**
 * From the spawn to "ready": initialize, then the session (new, resumed or loaded), then the model. One request at a
 * time. Nothing that the agent says on the way is a message: a loaded session replays its whole history.
 */
import type { RpcError } from "../../lib/jsonrpc.ts";
import { VERSION } from "../../lib/version.ts";
import type { ProviderFact, StartContext, Step } from "../contract.ts";
import { authMessage, errorMessage, isAuthError } from "./errors.ts";
import { programExtras } from "./programs.ts";
import { type AcpState, lines, type Opening, type Phase, step, takeId } from "./state.ts";
import { type Fields, fields, items, maybeIdOf, maybeNumber, maybeText } from "../read.ts";

const PROTOCOL_VERSION = 1;

export function begin({ launch, grants }: StartContext): Step<AcpState> {
  const state: AcpState = {
    phase: "initialize",
    nextId: 1,
    waiting: null,
    setup: {
      cwd: launch.cwd,
      resume: launch.session,
      model: launch.model,
      permissions: launch.permissions,
      login: programExtras(launch).login,
      program: launch.command.join(" "),
    },
    opening: null,
    agent: { name: "the agent", version: null, authMethods: [] },
    session: launch.session,
    sessionTold: false,
    preamble: launch.systemPrompt,
    prompt: null,
    message: null,
    tools: {},
    asks: {},
    asked: 0,
    messages: 0,
    usage: {},
  };
  const dropped: ProviderFact[] =
    grants.length === 0
      ? []
      : [
          {
            type: "note",
            level: "info",
            code: "grants_dropped",
            message: "ACP agents keep what was always allowed for one process only: it will be asked again",
          },
        ];
  // No fs and no terminal: the agent works on the files itself, and its requests to do it through us are refused.
  const params = {
    protocolVersion: PROTOCOL_VERSION,
    clientCapabilities: {},
    clientInfo: { name: "agent-harness", version: VERSION },
  };
  return request(state, "initialize", "initialize", params, dropped);
}

/** The answer to the open handshake request. */
export function proceed(state: AcpState, result: unknown): Step<AcpState> {
  switch (state.phase) {
    case "initialize":
      return initialized(state, result);
    case "open":
    case "load":
      return opened(state, result);
    case "login":
      return state.opening === null ? step(state) : openWith({ ...state, opening: null }, state.opening, false);
    case "model":
    case "sync":
      return ready(state);
    case "ready":
    case "failed":
      return step(state);
  }
}

export function refused(state: AcpState, error: RpcError): Step<AcpState> {
  if (state.phase === "sync") return ready(state); // Refusing the unknown method is its answer.
  if (isAuthError(error) && canLogIn(state))
    return request(state, "login", "authenticate", { methodId: state.setup.login });
  if (isAuthError(error)) return fail(state, "AUTH_REQUIRED", authMessage(state, error));
  const said = errorMessage(error);
  switch (state.phase) {
    case "initialize":
      return fail(state, "HANDSHAKE_FAILED", `initialize was refused: ${said}`);
    case "login":
      return fail(state, "AUTH_REQUIRED", authMessage(state, error));
    case "open":
    case "load":
      return state.setup.resume === null
        ? fail(state, "SESSION_REFUSED", `${state.agent.name} opened no session: ${said}`)
        : fail(
            state,
            "RESUME_REFUSED",
            `${state.agent.name} cannot resume the conversation ${state.setup.resume}: ${said}. Start a new agent to go on without it`,
          );
    case "model":
      return fail(state, "MODEL_REFUSED", `${state.agent.name} refused the model "${state.setup.model}": ${said}`);
    case "ready":
    case "failed":
      return step(state);
  }
}

function initialized(before: AcpState, result: unknown): Step<AcpState> {
  const info = fields(result, "agentInfo");
  const agent = {
    name: maybeText(info, "title") ?? maybeText(info, "name") ?? before.agent.name,
    version: maybeText(info, "version") ?? null,
    authMethods: items(result, "authMethods").map((method) => {
      const id = maybeIdOf(method, "id") ?? "";
      return { id, name: maybeText(method, "name") ?? id };
    }),
  };
  const state = { ...before, agent };
  const version = maybeNumber(result, "protocolVersion");
  if (version !== PROTOCOL_VERSION) {
    const got = version === undefined ? "no protocol version" : `protocol version ${version}`;
    return fail(
      state,
      "PROTOCOL_VERSION",
      `${agent.name} answered ${got}, needed is ${PROTOCOL_VERSION}: install a release that speaks ACP version ${PROTOCOL_VERSION}`,
    );
  }
  return open(state, fields(result, "agentCapabilities"));
}

function open(state: AcpState, capabilities: Fields): Step<AcpState> {
  const { cwd, resume } = state.setup;
  const params = { cwd, mcpServers: [] };
  if (resume === null) return openWith(state, { phase: "open", method: "session/new", params });
  const resumes = fields(capabilities, "sessionCapabilities")["resume"];
  if (resumes !== undefined && resumes !== null && resumes !== false) {
    return openWith(state, { phase: "open", method: "session/resume", params: { sessionId: resume, ...params } });
  }
  if (capabilities["loadSession"] === true) {
    return openWith(state, { phase: "load", method: "session/load", params: { sessionId: resume, ...params } });
  }
  const message = `${state.agent.name} can neither resume nor load a session: the conversation ${resume} was left and a new one begun`;
  const fresh: AcpState = { ...state, setup: { ...state.setup, resume: null }, session: null };
  const begun = openWith(fresh, { phase: "open", method: "session/new", params });
  return { ...begun, facts: [{ type: "note", level: "warn", code: "conversation_lost", message }] };
}

function openWith(state: AcpState, opening: Opening, keep = true): Step<AcpState> {
  return request({ ...state, opening: keep ? opening : null }, opening.phase, opening.method, opening.params);
}

/** Only once, and only in a way that the agent itself offers. */
function canLogIn({ phase, opening, setup, agent }: AcpState): boolean {
  return (
    (phase === "open" || phase === "load") &&
    opening !== null &&
    setup.login !== null &&
    agent.authMethods.some(({ id }) => id === setup.login)
  );
}

function opened(before: AcpState, result: unknown): Step<AcpState> {
  const session = before.setup.resume ?? maybeIdOf(result, "sessionId");
  if (session === undefined)
    return fail(before, "SESSION_REFUSED", `${before.agent.name} opened a session without telling its id`);
  const state = { ...before, session };
  const { model, resume } = before.setup;
  const wish = model === null ? null : modelRequest(session, model, result);
  if (wish !== null && wish !== "as it is") return request(state, "model", wish.method, wish.params);
  const facts: ProviderFact[] = [];
  if (wish === null && model !== null) {
    const message = `${state.agent.name} offers no choice of models over ACP: leave \`model\` out and name "${model}" in providers.X.args`;
    if (resume === null) return fail(state, "MODEL_UNSUPPORTED", message);
    // Some agents offer the choice for new sessions only; the conversation then keeps what it was begun with.
    facts.push({ type: "note", level: "warn", code: "model_not_set", message });
  }
  // Gemini answers session/load before it has written the whole replay. It reads its next request only after that, so
  // the answer to any request marks the end of the history; this one has a name of the kind that ACP leaves to
  // extensions.
  return before.phase === "load" ? request(state, "sync", "_agent-harness/sync", {}, facts) : ready(state, facts);
}

/**
 * How this agent's model is set: by a config option (ACP v1), or by the older `session/set_model`; null = not at all.
 */
function modelRequest(
  sessionId: string,
  model: string,
  result: unknown,
): { readonly method: string; readonly params: Fields } | "as it is" | null {
  const options = items(result, "configOptions");
  const option = options.find(({ category }) => category === "model") ?? options.find(({ id }) => id === "model");
  const configId = maybeIdOf(option, "id");
  if (configId !== undefined) {
    if (maybeText(option, "currentValue") === model) return "as it is";
    return { method: "session/set_config_option", params: { sessionId, configId, value: model } };
  }
  const models = fields(result, "models");
  if (Object.keys(models).length === 0) return null;
  return maybeIdOf(models, "currentModelId") === model
    ? "as it is"
    : { method: "session/set_model", params: { sessionId, modelId: model } };
}

function ready(state: AcpState, facts: readonly ProviderFact[] = []): Step<AcpState> {
  const { version } = state.agent;
  // Of a new session the id is told later, with the first prompt that the agent took.
  const told: ProviderFact[] =
    state.setup.resume !== null && state.session !== null ? [{ type: "session", id: state.session }] : [];
  // A conversation that goes on has had its system prompt.
  const preamble = told.length > 0 ? null : state.preamble;
  return step({ ...state, phase: "ready", waiting: null, opening: null, preamble, sessionTold: told.length > 0 }, [
    ...facts,
    ...told,
    { type: "ready", ...(version === null ? {} : { version }) },
  ]);
}

function request(
  before: AcpState,
  phase: Phase,
  method: string,
  params: Fields,
  facts: readonly ProviderFact[] = [],
): Step<AcpState> {
  const { state, id } = takeId(before);
  return step({ ...state, phase, waiting: id }, facts, [lines.request(id, method, params)]);
}

function fail(state: AcpState, code: string, message: string): Step<AcpState> {
  return step({ ...state, phase: "failed", waiting: null }, [{ type: "start_failed", code, message }]);
}
