/**
 * From the spawn to "ready": initialize, then the session (new, resumed or loaded), then its mode and the model. One
 * request at a time. Nothing that the agent says on the way is a message: a loaded session replays its whole history.
 */
import type { RpcError } from "../../lib/jsonrpc.ts";
import { excerpt } from "../../lib/text.ts";
import { VERSION } from "../../lib/version.ts";
import type { StartContext } from "../contract.ts";
import { draftOf, note, patch, say } from "../draft.ts";
import { type Fields, fields, isFields, items, maybeIdOf, maybeNumber, maybeText, text } from "../read.ts";
import { NAME_CHARS, REASON_CHARS } from "../read.ts";
import { authMessage, errorMessage, isAuthError } from "./errors.ts";
import { modesOf } from "./modes.ts";
import { programExtras } from "./programs.ts";
import { type AcpState, type Draft, initialState, type Opening, type Phase, request } from "./state.ts";

const PROTOCOL_VERSION = 1;

export function begin({ launch, grants }: StartContext): Draft {
  const draft: Draft = draftOf<AcpState>(
    initialState({
      cwd: launch.cwd,
      resume: launch.session,
      model: launch.model,
      permissions: launch.permissions,
      login: programExtras(launch).login,
      program: launch.command.join(" "),
    }),
  );
  patch(draft, { preamble: launch.systemPrompt });
  if (grants.length > 0) {
    const message = "most ACP agents keep what was always allowed for one process only: it may be asked again";
    note(draft, "info", "grants_dropped", message);
  }
  // No fs and no terminal: the agent works on the files itself, and its requests to do it through us are refused.
  ask(draft, "initialize", "initialize", {
    protocolVersion: PROTOCOL_VERSION,
    clientCapabilities: {},
    clientInfo: { name: "agent-harness", version: VERSION },
  });
  return draft;
}

/** The answer to the open handshake request. */
export function proceed(draft: Draft, result: unknown): void {
  const { phase, opening } = draft.state;
  switch (phase) {
    case "initialize":
      return initialized(draft, result);
    case "open":
    case "load":
      return opened(draft, result);
    case "login":
      if (opening !== null) openWith(draft, opening, false);
      return;
    case "mode":
      return setModel(draft);
    case "model":
      return sync(draft);
    case "sync":
      return ready(draft);
    case "ready":
    case "failed":
      return;
  }
}

export function refused(draft: Draft, error: RpcError): void {
  const { phase, setup, agent } = draft.state;
  if (phase === "sync") return ready(draft); // Refusing the unknown method is its answer.
  const said = errorMessage(error);
  if (phase === "mode") {
    unenforced(draft, `it refused its mode "${draft.state.askingMode ?? ""}": ${said}`);
    patch(draft, { askingMode: null });
    return setModel(draft);
  }
  if (isAuthError(error) && canLogIn(draft.state))
    return ask(draft, "login", "authenticate", { methodId: setup.login });
  if (isAuthError(error)) return fail(draft, "AUTH_REQUIRED", authMessage(draft.state, error));
  switch (phase) {
    case "initialize":
      return fail(draft, "HANDSHAKE_FAILED", `initialize was refused: ${said}`);
    case "login":
      return fail(draft, "AUTH_REQUIRED", authMessage(draft.state, error));
    case "open":
    case "load": {
      if (setup.resume === null) return fail(draft, "SESSION_REFUSED", `${agent.name} opened no session: ${said}`);
      const message = `${agent.name} cannot resume the conversation ${setup.resume}: ${said}. Start a new agent to go on without it`;
      return fail(draft, "RESUME_REFUSED", message);
    }
    case "model":
      return fail(draft, "MODEL_REFUSED", `${agent.name} refused the model "${setup.model}": ${said}`);
    case "ready":
    case "failed":
      return;
  }
}

function initialized(draft: Draft, result: unknown): void {
  const info = fields(result, "agentInfo");
  const cut = (told: string | undefined): string | null => (told === undefined ? null : excerpt(told, NAME_CHARS));
  const program = cut(maybeText(info, "name"));
  const name = cut(maybeText(info, "title")) ?? program ?? draft.state.agent.name;
  const authMethods = items(result, "authMethods").map((method) => {
    const id = maybeIdOf(method, "id") ?? "";
    return {
      id,
      name: cut(maybeText(method, "name")) ?? id,
      description: excerpt(text(method, "description"), REASON_CHARS),
    };
  });
  const capabilities = fields(result, "agentCapabilities");
  const images = fields(capabilities, "promptCapabilities")["image"] === true;
  patch(draft, { agent: { name, program, images, version: cut(maybeText(info, "version")), authMethods } });
  const version = maybeNumber(result, "protocolVersion");
  // An agent that tells what it can do, but not by which version, is taken by what it can do.
  const taken = version === undefined && isFields(result) && isFields(result["agentCapabilities"]);
  if (version === PROTOCOL_VERSION || taken) return open(draft, capabilities);
  const got = version === undefined ? "no protocol version" : `protocol version ${version}`;
  const needed = `needed is ${PROTOCOL_VERSION}: install a release that speaks ACP version ${PROTOCOL_VERSION}`;
  fail(draft, "PROTOCOL_VERSION", `${name} answered ${got}, ${needed}`);
}

function open(draft: Draft, capabilities: Fields): void {
  const { setup, agent } = draft.state;
  const { cwd, resume } = setup;
  const params = { cwd, mcpServers: [] };
  if (resume === null) return openWith(draft, { phase: "open", method: "session/new", params });
  const resumes = fields(capabilities, "sessionCapabilities")["resume"];
  const old = { sessionId: resume, ...params };
  if (resumes !== undefined && resumes !== null && resumes !== false)
    return openWith(draft, { phase: "open", method: "session/resume", params: old });
  if (capabilities["loadSession"] === true)
    return openWith(draft, { phase: "load", method: "session/load", params: old });
  const message = `${agent.name} can neither resume nor load a session: the conversation ${resume} was left and a new one begun`;
  note(draft, "warn", "conversation_lost", message);
  patch(draft, { setup: { ...setup, resume: null }, session: null });
  openWith(draft, { phase: "open", method: "session/new", params });
}

function openWith(draft: Draft, opening: Opening, keep = true): void {
  patch(draft, { opening: keep ? opening : null });
  ask(draft, opening.phase, opening.method, opening.params);
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

function opened(draft: Draft, result: unknown): void {
  const { setup, agent, phase } = draft.state;
  const session = setup.resume ?? maybeIdOf(result, "sessionId");
  if (session === undefined)
    return fail(draft, "SESSION_REFUSED", `${agent.name} opened a session without telling its id`);
  const { model, resume } = setup;
  const wish = model === null ? null : modelRequest(session, model, result);
  if (wish === null && model !== null) {
    const message = `${agent.name} offers no choice of models over ACP: leave \`model\` out and name "${model}" in providers.X.args`;
    if (resume === null) return fail(draft, "MODEL_UNSUPPORTED", message);
    // Some agents offer the choice for new sessions only; the conversation then keeps what it was begun with.
    note(draft, "warn", "model_not_set", message);
  }
  patch(draft, { session, offered: { loaded: phase === "load", model: wish === "as it is" ? null : wish } });
  setMode(draft, session, result);
}

/** With "ask" and "deny" the agent has to ask; with "allow" it may be in whatever mode it likes. */
function setMode(draft: Draft, session: string, result: unknown): void {
  if (draft.state.setup.permissions === "allow") return setModel(draft);
  const modes = modesOf(session, result);
  switch (modes.found) {
    case "asks":
      patch(draft, { askingMode: modes.mode });
      return setModel(draft);
    case "change":
      patch(draft, { askingMode: modes.change.mode });
      return ask(draft, "mode", modes.change.method, modes.change.params);
    case "unknown": {
      const only = `only the modes ${modes.offered.join(", ")}, none of which is known to ask`;
      unenforced(draft, `it offers ${modes.offered.length === 0 ? "no modes" : only}`);
      return setModel(draft);
    }
  }
}

function unenforced(draft: Draft, why: string): void {
  const { agent, setup } = draft.state;
  const message = `whether ${agent.name} asks before it acts is up to its own settings, not to permissions "${setup.permissions}": ${why}`;
  note(draft, "warn", "mode_not_enforced", message);
}

function setModel(draft: Draft): void {
  const wish = draft.state.offered?.model ?? null;
  if (wish === null) return sync(draft);
  ask(draft, "model", wish.method, wish.params);
}

/**
 * Gemini answers session/load before it has written the whole replay. It reads its next request only after that, so the
 * answer to any request marks the end of the history; where there was none, one is sent with a name of the kind that
 * ACP leaves to extensions.
 */
function sync(draft: Draft): void {
  const { offered, phase } = draft.state;
  if (offered?.loaded !== true || phase === "model" || phase === "mode") return ready(draft);
  ask(draft, "sync", "_agent-harness/sync", {});
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
  return maybeText(models, "currentModelId") === model
    ? "as it is"
    : { method: "session/set_model", params: { sessionId, modelId: model } };
}

function ready(draft: Draft): void {
  const { agent, setup, session, preamble } = draft.state;
  // Of a new session the id is told later, with the first prompt that the agent took.
  const goesOn = setup.resume !== null && session !== null;
  patch(draft, {
    phase: "ready",
    waiting: null,
    opening: null,
    offered: null,
    // A conversation that goes on has had its system prompt.
    preamble: goesOn ? null : preamble,
    sessionTold: goesOn,
  });
  if (goesOn) say(draft, { type: "session", id: session });
  say(draft, { type: "ready", ...(agent.version === null ? {} : { version: agent.version }) });
}

function ask(draft: Draft, phase: Phase, method: string, params: Fields): void {
  const waiting = request(draft, method, params);
  patch(draft, { phase, waiting });
}

function fail(draft: Draft, code: string, message: string): void {
  patch(draft, { phase: "failed", waiting: null });
  say(draft, { type: "start_failed", code, message });
}
