/**
 * Every error that either program names, once: its HTTP status (null = never an answer), the exit code of a program
 * that ends with it, and what it means. Answers, exit codes, the API's description and the README are made of this
 * table.
 */
import type { ExitCode } from "./exits.ts";
import { EXIT } from "./exits.ts";

interface ErrorFacts {
  readonly status: number | null;
  readonly exit: ExitCode;
  readonly means: string;
}

const refused = (status: number, means: string): ErrorFacts => ({ status, exit: EXIT.error, means });
const ours = (exit: ExitCode, means: string): ErrorFacts => ({ status: null, exit, means });

const TABLE = {
  INVALID_REQUEST: refused(400, "the request is malformed; `issues` lists every problem with its path"),
  NOT_RELAYED: refused(400, "this is not handed on to another box of the fleet"),
  UNAUTHORIZED: { status: 401, exit: EXIT.unauthorized, means: "no token, or a wrong one" },
  BAD_SIGNATURE: refused(401, "the webhook's signature does not fit its bytes, or its time is off"),
  FORBIDDEN_HOST: refused(403, "the `Host` is none of ours; see `allowedHosts`"),
  FORBIDDEN_ORIGIN: refused(403, "a page of another site asked"),
  ROUTE_NOT_FOUND: refused(404, "there is no such route"),
  PROJECT_NOT_FOUND: refused(404, "there is no such project"),
  AGENT_NOT_FOUND: refused(404, "there is no such agent"),
  NO_INSPECTOR: refused(404, "this program was started from its source, without the page in it"),
  TURN_NOT_FOUND: refused(404, "the agent has no such turn"),
  INPUT_NOT_FOUND: refused(404, "the agent has no such input"),
  MESSAGE_NOT_FOUND: refused(404, "the agent has no such message"),
  PERMISSION_NOT_FOUND: refused(404, "the agent has asked no such thing"),
  SNAPSHOT_NOT_FOUND: refused(404, "nothing of that name was kept of the agent's folder"),
  WORKSPACE_NOT_FOUND: refused(404, "there is no such workspace"),
  RESULT_NOT_FOUND: refused(404, "no turn has given a result that fits its schema"),
  DELIVERY_NOT_FOUND: refused(404, "there is no such webhook"),
  TASK_NOT_FOUND: refused(404, "the pool has no such task"),
  CALL_NOT_FOUND: refused(404, "the fleet knows no such call, or not any more"),
  NODE_NOT_FOUND: refused(404, "the fleet has no such node"),
  ACCOUNT_NOT_FOUND: refused(404, "no agent works on such an account"),
  METHOD_NOT_ALLOWED: refused(405, "the route is there, but not for this method; `Allow` lists its own"),
  PROJECT_EXISTS: refused(409, "a project has this name"),
  PROJECT_HAS_AGENTS: refused(409, "a project's folder can be changed only while it has no agents"),
  PROJECT_GOING: refused(409, "the project is being deleted"),
  PROJECT_BUSY: refused(409, "agents of the project are at work"),
  NAME_TAKEN: refused(409, "an agent of the project has this name"),
  AGENT_BUSY: refused(409, 'the agent works, and this waits for nobody (`"mode":"reject"`, restore, merge)'),
  ATTACHED: refused(409, "a person has the conversation in the program's own screen"),
  NO_LEASE: refused(409, "the conversation was given back, or never taken"),
  NOT_LIMITED: refused(409, "the agent does not wait for its account"),
  INPUT_DELIVERED: refused(409, "the program already has the input"),
  PERMISSION_SETTLED: refused(409, "it was answered otherwise, or withdrawn"),
  PERMISSION_CHANGED: refused(409, "what is asked is not what was shown"),
  NO_WORKSPACE: refused(409, "nothing is kept of the agent's work"),
  WORK_NOT_MERGED: refused(409, "it holds work that is in no branch of the project's; `discard=1` lets go of it"),
  BRANCH_IN_USE: refused(409, "the branch is checked out, locked, or was moved meanwhile"),
  MERGE_NEEDS_GIT_2_38: refused(409, "the box's git is older than 2.38 and cannot merge without a work tree"),
  NO_WEBHOOK: refused(409, "no webhook is configured"),
  NO_SINK: refused(409, "the receiver has nowhere to send it"),
  DELIVERY_FORGOTTEN: refused(409, "the agent was deleted, and what the webhook said with it"),
  DELIVERY_PENDING: refused(409, "the webhook is on its way already"),
  OUTCOME_UNKNOWN: refused(409, "it was begun and may have been done; it is not done again"),
  TASK_SETTLED: refused(409, "the task waits, or is over: no node has it"),
  NODE_LIVES: refused(409, "only a node that is lost can be taken out of the fleet"),
  BUDGET_EXCEEDED: refused(409, "a budget is spent; the message says which, and what raises it"),
  FRAMES_FREED: refused(410, "the output that was asked for is no longer on disk"),
  TOO_LARGE: refused(413, "the body is larger than is taken"),
  UNSUPPORTED_MEDIA_TYPE: refused(415, "the body is not declared as JSON"),
  PROVIDER_UNAVAILABLE: refused(422, "the provider is unknown, switched off, or its program is missing"),
  FLEET_KEY: refused(422, "a task of the pool has secrets, and this box has no key to seal them with"),
  GIT_MISSING: refused(422, "the work needs git, and there is none"),
  PROJECT_UNTRUSTED: refused(422, "it would run what the repository brings, and nobody trusts the project"),
  NO_SCREEN: refused(422, "the conversation cannot be taken over in a screen"),
  ATTACHMENT_REFUSED: refused(422, "the program cannot be given such a file, or it is not what it says"),
  RESULT_NOT_SUPPORTED: refused(422, "the provider gives no result that fits a schema"),
  BUDGET_NOT_METERED: refused(422, "the provider does not tell what the budget limits; the message says what it does"),
  IDEMPOTENCY_MISMATCH: refused(422, "the key was used for another body"),
  TOO_MANY_AGENTS: refused(429, "`limits.maxAgents` is reached"),
  TOO_MANY_ATTEMPTS: refused(429, "too many wrong tokens in a minute"),
  WORKSPACE_FAILED: refused(
    500,
    "git could not make, compare, bring back or merge the agent's work; the message says why",
  ),
  INTERNAL: refused(500, "a fault of ours; the log has it"),
  START_FAILED: refused(500, "the program's folders or files could not be made"),
  SPAWN_FAILED: refused(500, "the operating system did not start the program"),
  NODE_LOST: refused(502, "the node has not been heard of for long; what was known last may be in the mirror"),
  FLEET_REFUSED: refused(503, "this box is not in the fleet: its name or its identity is somebody else's"),
  FLEET_SCHEMA: refused(503, "the fleet's tables are missing, or not as this program knows them"),
  FLEET_AWAY: refused(503, "the fleet's database does not answer; ask again in a moment"),
  NOT_READY: refused(503, "it starts or stops; ask again in a moment"),
  STORE_BUSY: refused(503, "somebody else holds the store; ask again in a moment"),
  OVERLOADED: refused(503, "the box has no descriptors, memory or processes left; ask again in a moment"),
  STORE_UNAVAILABLE: refused(503, "the webhook cannot be stored now; send it again"),
  NODE_SILENT: refused(504, "the node is there, but has not answered in time"),
  ABORT_UNCONFIRMED: refused(504, "the program did not confirm the interrupt in time"),
  STOP_UNCONFIRMED: refused(504, "the process is still there after it was killed"),
  DISK_FULL: refused(507, "the disk with the state directory is full, or one that was to be written to"),
  USAGE: ours(EXIT.usage, "the command line is not understood"),
  UNREACHABLE: ours(EXIT.unreachable, "nothing answers where the daemon should be"),
  REFUSED: ours(EXIT.error, "another daemon's refusal, in a word that this program does not know"),
  BAD_ANSWER: ours(EXIT.error, "the answer is not that of a daemon"),
  OUTPUT: ours(EXIT.error, "the output cannot be written"),
  ADDRESS_IN_USE: ours(EXIT.addressUnavailable, "somebody listens there already"),
  LISTEN_FAILED: ours(EXIT.addressUnavailable, "the address cannot be listened on"),
  STATE_DIR_UNUSABLE: ours(EXIT.cannotCreate, "the state folder cannot be made, read or written"),
  STORE_TOO_NEW: ours(EXIT.cannotCreate, "a newer program has written the store"),
  LOCKED: ours(EXIT.locked, "another process holds the state folder"),
  BAD_LINE: ours(EXIT.error, "a line for a program holds a line break"),
  BAD_SPOOL_ID: ours(EXIT.error, "a line's name cannot be that of a file"),
} as const;

export type ErrorCode = keyof typeof TABLE;

export const ERRORS: Readonly<Record<ErrorCode, ErrorFacts>> = TABLE;

export const ERROR_CODES = Object.keys(TABLE) as readonly ErrorCode[];

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(TABLE, code);
}
