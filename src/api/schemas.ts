/** The shapes of request bodies, written once for the routes, the OpenAPI page and the CLI. */
import { attachments } from "./attachments.ts";
import { integerText } from "../http/query.ts";
import {
  array,
  boolean,
  integer,
  nullable,
  object,
  oneOf,
  optional,
  record,
  refined,
  string,
  union,
  unknown,
} from "../lib/check.ts";
import { budget, budgetMembers, budgetPerDay } from "../lib/budgets.ts";
import { resourceLimits } from "../lib/resources.ts";
import { cutText } from "../lib/text.ts";
import { INPUT_MODES, STATUSES } from "../words/agent.ts";
import { ON_LIMIT } from "../words/limits.ts";
import { PERMISSION_MODES } from "../words/kinds.ts";
import { AGENT_ID, NAME, NAME_WORDS, OUR_VARIABLES, VARIABLE } from "../words/names.ts";
import { NOTICE_EVENTS } from "../words/notices.ts";
import { DECISIONS } from "../words/said.ts";

/** The largest input text; the body may be a little larger. */
const TEXT_MAX = 8 * 1024 * 1024;
/** A body with a few long texts: a system prompt, the answers to a question. */
export const TEXTS_BYTES = 2 * 1024 * 1024;
/**
 * What the kernel hands to a program: one variable with its name (and `=` and NUL), and all of them with room for ours.
 */
const VARIABLE_BYTES = 128 * 1024 - 2;
const ENV_BYTES = 1024 * 1024;

export const projectName = string({
  pattern: NAME,
  what: NAME_WORDS,
});

export const agentName = refined(projectName, (name) =>
  AGENT_ID.test(name) ? "a name that does not look like an id (8 hex digits)" : undefined,
);

export const agentId = string({ pattern: AGENT_ID, what: "an agent's id (8 hex digits)" });

export const status = oneOf(...STATUSES);

export const permissions = oneOf(...PERMISSION_MODES);

const URL_WORDS = "an http or https URL of at most 2048 characters";

export const webhook = object({
  url: refined(string({ max: 2048, secret: true, what: URL_WORDS }), (url) => (isHttpUrl(url) ? undefined : URL_WORDS)),
  token: optional(
    string({
      min: 1,
      max: 4096,
      secret: true,
      pattern: /^[\x21-\x7e]+$/,
      what: "a token of printable ASCII without spaces",
    }),
  ),
  events: optional(array(oneOf(...NOTICE_EVENTS), { max: NOTICE_EVENTS.length })),
});

function isHttpUrl(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed !== null && (parsed.protocol === "http:" || parsed.protocol === "https:");
}

export const model = string({
  min: 1,
  max: 256,
  pattern: /^[^\u0000-\u001f]+$/,
  what: "a model's name of 1 to 256 characters",
});

/** It is in every answer about its agent, and in front of the first input where a program has no place for it. */
const SYSTEM_PROMPT_BYTES = 131_071;
const SYSTEM_PROMPT_WORDS = `a text of at most ${SYSTEM_PROMPT_BYTES} bytes`;
const systemPrompt = refined(string({ max: SYSTEM_PROMPT_BYTES, what: SYSTEM_PROMPT_WORDS }), (value) =>
  Buffer.byteLength(value) <= SYSTEM_PROMPT_BYTES ? undefined : SYSTEM_PROMPT_WORDS,
);

export const metadata = refined(
  record(string({ max: 4096 }), { maxKeys: 16, keyPattern: /^[\s\S]{1,64}$/, keyWhat: "a key of 1 to 64 characters" }),
  (value) => (new TextEncoder().encode(JSON.stringify(value)).length <= 4096 ? undefined : "at most 4096 bytes in all"),
);

export const env = refined(
  record(string({ max: 128 * 1024, secret: true, pattern: /^[^\0]*$/, what: "a string without NUL" }), {
    maxKeys: 256,
    keyPattern: VARIABLE,
    keyWhat: "a variable name",
  }),
  (value) => {
    const ours = Object.keys(value).find((key) => key.startsWith(OUR_VARIABLES));
    return ours === undefined ? tooLarge(value) : `variables that do not begin with AH_ (${ours} is the harness's own)`;
  },
);

export const limits = object(resourceLimits);

const word = string({ max: 65_536, pattern: /^[^\0]*$/, what: "a text of at most 65536 characters without NUL" });

const verify = object({
  command: union(
    string({ min: 1, max: 65_536, pattern: /\S/, what: "a command for a shell" }),
    refined(array(word, { max: 256 }), ([program]) => (program ? undefined : "a program and its arguments")),
  ),
  timeoutMs: optional(integer({ min: 1000, max: 86_400_000 })),
  attempts: optional(integer({ min: 0, max: 20 })),
});

/** What is in it is looked at apart, where one is given. */
const result = object({ schema: record(unknown()) });

export const onLimit = oneOf(...ON_LIMIT);

function tooLarge(variables: Readonly<Record<string, string>>): string | undefined {
  let total = 0;
  for (const [name, text] of Object.entries(variables)) {
    const bytes = Buffer.byteLength(name) + Buffer.byteLength(text);
    if (bytes > VARIABLE_BYTES)
      return `at most ${VARIABLE_BYTES} bytes in a variable and its name (${cutText(name, 60)} has ${bytes}): no program can be started with more`;
    total += bytes + 2;
  }
  return total <= ENV_BYTES ? undefined : `at most ${ENV_BYTES} bytes in all: no program can be started with more`;
}

/** Of a git name: what git itself refuses is told when it is made. */
const gitName = string({
  min: 1,
  max: 200,
  pattern: /^[^\u0000-\u0020~^:?*[\\\u007f-]\S*$/,
  what: "a name that git takes",
});

const setup = object({
  command: union(
    string({ min: 1, max: 64 * 1024, pattern: /^[^\0]*$/, what: "a command without NUL" }),
    refined(
      array(string({ max: 64 * 1024, pattern: /^[^\0]*$/, what: "a string without NUL" }), { max: 1000 }),
      (argv) => (argv.length > 0 ? undefined : "a program and its arguments"),
    ),
  ),
  timeoutMs: optional(integer({ min: 1, max: 24 * 60 * 60 * 1000 })),
});

const ownFolder = object({
  kind: oneOf("worktree", "copy"),
  base: optional(gitName),
  branch: optional(gitName),
  copy: optional(
    array(string({ min: 1, max: 1000, pattern: /^(?!\/)[^\0]+$/, what: "a relative glob" }), { max: 100 }),
  ),
  setup: optional(setup),
});

export const workspace = union(oneOf("shared"), ownFolder);

export const defaults = object({
  provider: optional(projectName),
  model: optional(model),
  permissions: optional(permissions),
  systemPrompt: optional(systemPrompt),
  limits: optional(limits),
  verify: optional(verify),
  result: optional(result),
  onLimit: optional(onLimit),
  workspace: optional(workspace),
  snapshots: optional(boolean()),
  budget: optional(budget),
});

const absolutePath = string({ max: 4096, pattern: /^\/[^\0]*$/, what: "an absolute path" });

export const newProject = object({
  name: projectName,
  cwd: absolutePath,
  trusted: optional(boolean()),
  webhook: optional(webhook),
  defaults: optional(defaults),
  budgetPerDay: optional(budgetPerDay),
});

/** Each limit by itself; null takes it away. */
const budgetPatch = optional(
  nullable(
    object({
      turns: optional(nullable(budgetMembers.turns)),
      tokens: optional(nullable(budgetMembers.tokens)),
      costUsd: optional(nullable(budgetMembers.costUsd)),
      wallMs: optional(nullable(budgetMembers.wallMs)),
    }),
  ),
);

/** JSON Merge Patch: null takes a value away. */
export const projectPatch = object({
  webhook: optional(nullable(webhook)),
  trusted: optional(nullable(boolean())),
  cwd: optional(absolutePath),
  defaults: optional(
    nullable(
      object({
        provider: optional(nullable(projectName)),
        model: optional(nullable(model)),
        permissions: optional(nullable(permissions)),
        systemPrompt: optional(nullable(systemPrompt)),
        limits: optional(nullable(limits)),
        verify: optional(nullable(verify)),
        result: optional(nullable(result)),
        onLimit: optional(nullable(onLimit)),
        workspace: optional(nullable(workspace)),
        snapshots: optional(nullable(boolean())),
        budget: budgetPatch,
      }),
    ),
  ),
  budgetPerDay: optional(
    nullable(
      object({
        tokens: optional(nullable(budgetMembers.tokens)),
        costUsd: optional(nullable(budgetMembers.costUsd)),
      }),
    ),
  ),
});

const text = string({ min: 0, max: TEXT_MAX });

export const taskText = text;

/** Of a new agent, wherever it will be. */
export const newAgentShape = {
  provider: optional(projectName),
  task: optional(text),
  name: optional(agentName),
  model: optional(model),
  permissions: optional(permissions),
  systemPrompt: optional(systemPrompt),
  env: optional(env),
  webhook: optional(webhook),
  metadata: optional(metadata),
  limits: optional(limits),
  verify: optional(verify),
  result: optional(result),
  onLimit: optional(onLimit),
  workspace: optional(workspace),
  snapshots: optional(boolean()),
  attachments: optional(attachments),
  budget: optional(budget),
};

export const newAgent = object(newAgentShape);

export const agentPatch = object({
  name: optional(nullable(agentName)),
  metadata: optional(
    nullable(
      record(nullable(string({ max: 4096 })), {
        maxKeys: 16,
        keyPattern: /^[\s\S]{1,64}$/,
        keyWhat: "a key of 1 to 64 characters",
      }),
    ),
  ),
  webhook: optional(nullable(webhook)),
  model: optional(nullable(model)),
  permissions: optional(nullable(permissions)),
  verify: optional(nullable(verify)),
  result: optional(nullable(result)),
  budget: budgetPatch,
});

export const newInput = object({
  text,
  mode: optional(oneOf(...INPUT_MODES)),
  raw: optional(boolean()),
  attachments: optional(attachments),
});

const answerText = string({ max: 64 * 1024 });

export const decision = object({
  decision: oneOf(...DECISIONS),
  expect: optional(string({ pattern: /^[0-9a-f]{64}$/, what: "the hash of the permission as it was shown" })),
  message: optional(string({ max: 16 * 1024 })),
  answers: optional(record(union(answerText, array(answerText, { max: 32 })), { maxKeys: 32 })),
});

export const abort = object({ keepQueued: optional(boolean()) });

/** `?limit=50` */
export const count = (max: number) => integerText({ min: 1, max });

/** `?clip=2000`: texts of messages are cut there. */
export const clip = integerText({ min: 1, max: 1_000_000 });

/** `?after=17` */
export const idText = integerText();

/** Where the page before ended: `<created ms>-<agent id>-<permission id>`. */
export const permissionCursor = string({
  pattern: /^\d{1,16}-[0-9a-f]{8}-p\d{1,9}$/,
  what: 'the "next" of an earlier page',
});

/** `0`, the number of a turn, `r1` …, `end`. */
export const snapshotName = string({ pattern: /^(\d{1,9}|r\d{1,9}(-after)?|end)$/, what: "the id of a snapshot" });

/** Which part of an agent's work is meant. */
export const workRange = {
  turn: optional(snapshotName),
  from: optional(snapshotName),
  to: optional(snapshotName),
};

export const workPath = string({ min: 1, max: 4096, pattern: /^[^\0]+$/, what: "a path as it was shown" });

export const restore = object({ paths: optional(array(workPath, { max: 1000 })) });

export const merge = object({
  into: optional(gitName),
  message: optional(string({ min: 1, max: 64 * 1024 })),
  dryRun: optional(boolean()),
});

/** Where the page before ended: `<created ms>-<agent id>`. */
export const cursor = string({ pattern: /^\d{1,16}-[0-9a-f]{8}$/, what: 'the "next" of an earlier page' });
