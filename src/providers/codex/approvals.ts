/**
 * What Codex waits for a person with: its server requests as permissions, and our answers to them. A request that this
 * client cannot serve is refused at once, because Codex would wait for ever.
 */
import { own } from "../../lib/own.ts";
import { METHOD_NOT_FOUND, type RpcId, rpcIdKey, rpcIdOf } from "../../lib/jsonrpc.ts";
import { excerpt } from "../../lib/text.ts";
import { type Draft, subagentOf } from "./state.ts";
import { rpc } from "./wire.ts";
import type { ProviderFact } from "../contract.ts";
import { grantName } from "../grant.ts";
import { type Fields, fields, idOf, isFields, list, text } from "../read.ts";
import { note, patch, say, send, without } from "../draft.ts";
import type { Answer } from "../../words/said.ts";

type Permission = Extract<ProviderFact, { type: "permission" }>;
type Asked = Pick<Permission, "kind" | "tool" | "title" | "detail"> & { readonly data: Data };

/**
 * Comes back with the answer. `grant` names what `allow_always` covers: exactly the same thing again, nothing wider.
 */
interface Data extends Fields {
  readonly method: Method;
  readonly grant?: string;
}

type Method = (typeof METHODS)[number];
const METHODS = [
  "item/commandExecution/requestApproval",
  "item/fileChange/requestApproval",
  "item/permissions/requestApproval",
  "item/tool/requestUserInput",
  "mcpServer/elicitation/request",
] as const;

const TITLE_CHARS = 200;

export function serverRequest(draft: Draft, id: RpcId, method: string, params: unknown): void {
  const known = METHODS.find((each) => each === method);
  const asked = known === undefined ? undefined : read(draft, known, isFields(params) ? params : {});
  const thread = idOf(params, "threadId");
  if (asked === undefined) return refuse(draft, id, method, thread);
  const permission: Permission = {
    type: "permission",
    id: rpcIdKey(id),
    ...asked,
    options: asked.data.grant === undefined ? ["allow", "deny"] : ["allow", "allow_always", "deny"],
    ...subagentOf(draft.state, thread),
  };
  const { grant } = asked.data;
  if (grant !== undefined && draft.state.grants.includes(grant)) {
    // Codex forgets "for the session" with its process; the person was promised the agent's life.
    note(draft, "info", "grant_applied", `allowed earlier: ${asked.title}`);
    return reply(draft, id, thread, rpc.result(id, result(asked.data, { decision: "allow_always" })));
  }
  patch(draft, { asks: { ...draft.state.asks, [permission.id]: { thread, permission } } });
  say(draft, permission);
}

/** The line for a decision. Nothing when the request is not open: its id may mean another one in a newer process. */
export function answerRequest(draft: Draft, answer: Answer): void {
  const id = rpcIdOf(answer.id);
  const data = readData(answer.data);
  if (id === undefined || data === undefined || own(draft.state.asks, answer.id) === undefined) return;
  const { grant } = data;
  if (answer.decision === "allow_always" && grant !== undefined && !draft.state.grants.includes(grant)) {
    patch(draft, { grants: [...draft.state.grants, grant] });
  }
  send(draft, rpc.result(id, result(data, answer)));
}

/** `serverRequest/resolved`: by our answer, by an interrupt, or because nobody needs it any more. */
export function requestResolved(draft: Draft, params: unknown): void {
  const id = isFields(params) ? params["requestId"] : undefined;
  if (typeof id !== "number" && typeof id !== "string") return;
  const key = rpcIdKey(id);
  const asked = own(draft.state.asks, key) !== undefined;
  patch(draft, { asks: without(draft.state.asks, key), replies: without(draft.state.replies, key) });
  if (!asked) return;
  say(draft, { type: "permission_closed", id: key });
}

/** The grants among the `data` of permissions that were answered `allow_always` in an earlier process. */
export function grantsOf(data: readonly unknown[]): readonly string[] {
  return data.map((each) => readData(each)?.grant).filter((grant) => grant !== undefined);
}

function refuse(draft: Draft, id: RpcId, asked: string, thread: string): void {
  const method = excerpt(asked, TITLE_CHARS);
  if (method === "mcpServer/elicitation/request") {
    note(draft, "warn", "elicitation_declined", "an MCP server asked for data, which cannot be given here: declined");
    return reply(draft, id, thread, rpc.result(id, { action: "decline", content: null, _meta: null }));
  }
  note(draft, "warn", "request_refused", `Codex asked for ${method}, which cannot be served here`);
  reply(draft, id, thread, rpc.error(id, { code: METHOD_NOT_FOUND, message: `this client does not serve ${method}` }));
}

function reply(draft: Draft, id: RpcId, thread: string, line: string): void {
  patch(draft, { replies: { ...draft.state.replies, [rpcIdKey(id)]: { thread, line } } });
  send(draft, line);
}

function read(draft: Draft, method: Method, params: Fields): Asked | undefined {
  const reason = text(params, "reason");
  const why = reason === "" ? {} : { reason };
  switch (method) {
    case "item/commandExecution/requestApproval": {
      // The command as it will run, never its parsed form: what a parser leaves out must not be hidden from a person.
      const command = text(params, "command");
      const cwd = text(params, "cwd");
      const network = isFields(params["networkApprovalContext"]) ? { network: params["networkApprovalContext"] } : {};
      const title = command === "" ? `network access: ${JSON.stringify(network)}` : `run: ${command}`;
      const grant = grantName(`command:${cwd}:${command}:${JSON.stringify(network)}`);
      return {
        kind: "tool",
        tool: "shell",
        title: line(title),
        detail: { command, cwd, ...why, ...network },
        data: { method, grant },
      };
    }
    case "item/fileChange/requestApproval": {
      const item = own(draft.state.items, idOf(params, "itemId"));
      const changes = Array.isArray(item?.changes) ? item.changes : [];
      const paths = changes.map((change) => text(change, "path"));
      const root = text(params, "grantRoot");
      const title = `change ${paths.length === 0 ? "files" : paths.join(", ")}`;
      // Without the item nobody can say which files a grant would cover.
      const grant = paths.length === 0 ? {} : { grant: grantName(`files:${[...paths].sort().join("\n")}`) };
      const detail = { changes, ...why, ...(root === "" ? {} : { grantRoot: root }) };
      return { kind: "tool", tool: "apply_patch", title: line(title), detail, data: { method, ...grant } };
    }
    case "item/permissions/requestApproval": {
      const permissions = fields(params, "permissions");
      const wanted = JSON.stringify(permissions);
      const title = line(`more permissions: ${reason || wanted}`);
      const data = { method, permissions, grant: grantName(`permissions:${wanted}`) };
      return {
        kind: "tool",
        tool: "permissions",
        title,
        detail: { permissions, cwd: text(params, "cwd"), ...why },
        data,
      };
    }
    case "item/tool/requestUserInput": {
      const questions = list(params, "questions").map((each) => ({
        id: idOf(each, "id"),
        header: text(each, "header"),
        question: text(each, "question"),
        multiSelect: false,
        options: list(each, "options").map((option) => ({
          label: text(option, "label"),
          description: text(option, "description"),
        })),
      }));
      const title = line(questions.map(({ question }) => question).join(" "));
      const data = { method, questions: questions.map(({ id, question }) => ({ id, question })) };
      return { kind: "question", tool: "request_user_input", title, detail: { questions }, data };
    }
    case "mcpServer/elicitation/request": {
      const meta = fields(params, "_meta");
      // Only this kind is a question of permission; a form of the server's own would need an interface that we lack.
      if (text(meta, "codex_approval_kind") !== "mcp_tool_call") return undefined;
      const [server, message] = [text(params, "serverName"), text(params, "message")];
      const name = text(meta, "tool_name") || toolInWords(server, message);
      const tool = name === "" ? server : `${server}.${name}`;
      const input = meta["tool_params"];
      const title = line(`${tool} ${JSON.stringify(input ?? {})}`);
      // Without a name nobody can say which of the server's tools a grant would cover.
      const grant = name === "" ? {} : { grant: grantName(`mcp:${tool}`) };
      return { kind: "tool", tool, title, detail: { tool, input, message }, data: { method, ...grant } };
    }
  }
}

/** Older versions (0.139.0) name the tool in their question alone. */
function toolInWords(server: string, message: string): string {
  const [head, tail] = [`Allow the ${server} MCP server to run tool "`, '"?'];
  return message.startsWith(head) && message.endsWith(tail) ? message.slice(head.length, -tail.length) : "";
}

function result(data: Data, { decision, answers }: Pick<Answer, "decision" | "answers">): unknown {
  const allowed = decision !== "deny";
  const always = decision === "allow_always";
  switch (data.method) {
    case "item/commandExecution/requestApproval":
    case "item/fileChange/requestApproval":
      return { decision: always ? "acceptForSession" : allowed ? "accept" : "decline" };
    case "item/permissions/requestApproval":
      return { permissions: allowed ? data["permissions"] : {}, scope: always ? "session" : "turn" };
    case "item/tool/requestUserInput":
      return { answers: allowed ? chosen(list(data, "questions"), answers ?? {}) : {} };
    case "mcpServer/elicitation/request":
      if (!allowed) return { action: "decline", content: null, _meta: null };
      return { action: "accept", content: {}, _meta: always ? { persist: "session" } : null };
  }
}

/** Answers are given by the text of the question or by its id; Codex wants its id. */
function chosen(questions: readonly unknown[], answers: NonNullable<Answer["answers"]>): Fields {
  return Object.fromEntries(
    questions.flatMap((question) => {
      const id = idOf(question, "id");
      const given = answers[id] ?? answers[text(question, "question")];
      return given === undefined ? [] : [[id, { answers: typeof given === "string" ? [given] : given }]];
    }),
  );
}

function readData(data: unknown): Data | undefined {
  const method = METHODS.find((each) => each === text(data, "method"));
  if (!isFields(data) || method === undefined) return undefined;
  const grant = grantName(text(data, "grant"));
  const { grant: _, ...rest } = data;
  return { ...rest, method, ...(grant === "" ? {} : { grant }) };
}

function line(title: string): string {
  return excerpt(title.replace(/\s+/g, " ").trim(), TITLE_CHARS);
}
