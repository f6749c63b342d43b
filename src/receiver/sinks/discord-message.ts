/**
 * What a Discord channel shows for an event: one line to read at a glance, and under it a coloured box with the quoted
 * last message. Pure. Limits from Discord's message documentation; they count code points, we count UTF-16 units, which
 * are never fewer.
 */
import { cutText, excerpt, oneLine } from "../../lib/text.ts";
import { duration } from "../../lib/duration.ts";
import type { KnownEvent } from "../../words/notices.ts";
import { agentLabel, checkText, eventVerb, isKnown, type HarnessEvent } from "../event.ts";
import { escapeMarkdown, fenced, manyLines } from "../text.ts";

const CONTENT_MAX = 2000;
const FIELD_MAX = 1024;
/** All texts of an embed together may have 6000; this leaves room for the fields. */
const QUOTE_MAX = 2800;
const SHORT_QUOTE = 600;
const FILE_MAX_BYTES = 8 * 1024 * 1024;
const SUPPRESS_EMBEDS = 4;

interface Embed {
  readonly description: string;
  readonly color: number;
  readonly fields: readonly { readonly name: string; readonly value: string; readonly inline: boolean }[];
  readonly footer: { readonly text: string };
  readonly timestamp: string;
}

export interface DiscordPayload {
  readonly content: string;
  readonly username?: string;
  readonly embeds?: readonly Embed[];
  readonly attachments?: readonly { readonly id: number; readonly filename: string; readonly description: string }[];
  readonly flags?: number;
  /** Webhooks ping users by default; nothing of ours ever may. */
  readonly allowed_mentions: { readonly parse: readonly never[] };
}

export interface DiscordMessage {
  readonly payload: DiscordPayload;
  readonly file?: { readonly name: string; readonly text: string };
}

interface Look {
  readonly icon: string;
  readonly color: number;
}

const LOOKS: Readonly<Record<KnownEvent, Look>> = {
  agent_completed: { icon: "✅", color: 0x2ecc71 },
  agent_error: { icon: "❌", color: 0xe74c3c },
  agent_aborted: { icon: "⏹️", color: 0x95a5a6 },
  agent_exited: { icon: "💀", color: 0xe67e22 },
  agent_waiting_input: { icon: "❓", color: 0xf1c40f },
  agent_stalled: { icon: "🐌", color: 0xb7791f },
  agent_limited: { icon: "⏳", color: 0x9b59b6 },
  agent_resumed: { icon: "▶️", color: 0x1abc9c },
  agent_budget: { icon: "💰", color: 0xe84393 },
  agent_unreachable: { icon: "📡", color: 0x34495e },
  test: { icon: "🔔", color: 0x3498db },
};
const OTHER_LOOK: Look = { icon: "ℹ️", color: 0x3498db };

function lookOf({ event }: HarnessEvent): Look {
  return isKnown(event) ? LOOKS[event] : OTHER_LOOK;
}

/** `deliveryId` is shown, so that a doubled post can be told from a second event. */
export function discordMessage(event: HarnessEvent, deliveryId: string): DiscordMessage {
  const look = lookOf(event);
  const message = event.lastMessage === null ? "" : manyLines(event.lastMessage).trim();
  const whole = fenced(message);
  const fits = whole.length <= QUOTE_MAX;
  const description = message === "" ? "*no message*" : fits ? whole : fenced(excerpt(message, SHORT_QUOTE));
  const fields = [
    field("Project", event.project),
    field("Agent", event.name === null ? event.agentId : `${event.name} (${event.agentId})`),
    ...(event.node === null ? [] : [field("Box", event.node)]),
    field("Provider", event.provider),
    field("Status", event.status),
    ...(event.durationMs === null ? [] : [field("Duration", duration(event.durationMs))]),
    ...(event.verify === null ? [] : [field("Check", event.verify)]),
    ...(event.changes === null ? [] : [field("Changes", event.changes)]),
    ...(event.result === null ? [] : [quoteField("Result", event.result)]),
    ...(event.account === null ? [] : [quoteField("Account", event.account)]),
    ...(event.error === null ? [] : [quoteField("Error", event.error)]),
    ...(event.budget === null ? [] : [field("Spent", event.budget)]),
    ...(event.question === null ? [] : [quoteField("Waits for", event.question)]),
    ...(event.truncated ? [field("Note", "the message was cut by the sender, the whole is in the harness")] : []),
  ];
  const embed: Embed = {
    description,
    color: look.color,
    fields,
    footer: { text: `delivery ${deliveryId}` },
    timestamp: new Date(event.timestampMs).toISOString(),
  };
  const payload = { content: headline(event), embeds: [embed], allowed_mentions: NO_MENTIONS };
  if (message === "" || fits) return { payload };
  const attachments = [{ id: 0, filename: "message.md", description: "the whole last message" }];
  return {
    payload: { ...payload, attachments },
    file: { name: "message.md", text: cutBytes(event.lastMessage ?? "", FILE_MAX_BYTES) },
  };
}

/** The same news without embed and attachment, for the one retry after Discord called the full form invalid. */
export function plainDiscordMessage(event: HarnessEvent, deliveryId: string): DiscordMessage {
  const head = `${headline(event)} (delivery ${deliveryId})`;
  const said = [
    event.account,
    event.error,
    event.budget,
    checkText(event),
    event.changes,
    event.result,
    event.question,
    event.lastMessage,
  ]
    .filter((text) => text !== null)
    .join("\n\n");
  // The fence is built from already cut text: breaking backtick runs adds units, so a tenth is kept free and checked.
  let room = CONTENT_MAX - head.length - 10;
  let quote = fenced(excerpt(manyLines(said).trim(), room));
  while (head.length + 1 + quote.length > CONTENT_MAX && room > 100)
    quote = fenced(excerpt(manyLines(said).trim(), (room = Math.floor(room / 2))));
  return {
    payload: {
      content: said === "" ? head : `${head}\n${quote}`,
      flags: SUPPRESS_EMBEDS,
      allowed_mentions: NO_MENTIONS,
    },
  };
}

const NO_MENTIONS = { parse: [] } as const;

function headline(event: HarnessEvent): string {
  const look = lookOf(event);
  const after = event.durationMs === null ? "" : ` after ${duration(event.durationMs)}`;
  const when = `<t:${Math.floor(event.timestampMs / 1000)}:R>`;
  return `${look.icon} **${name(event.project)}** / **${name(agentLabel(event))}** ${name(eventVerb(event.event))}${after} · ${name(event.provider)} · ${when}`;
}

function name(value: string): string {
  return escapeMarkdown(excerpt(oneLine(value), 80)) || "?";
}

function field(label: string, value: string): Embed["fields"][number] {
  return { name: label, value: name(value), inline: true };
}

function quoteField(label: string, value: string): Embed["fields"][number] {
  const quote = fenced(excerpt(manyLines(value).trim(), 500));
  return { name: label, value: quote.length <= FIELD_MAX ? quote : name(value), inline: false };
}

function cutBytes(text: string, maxBytes: number): string {
  if (Buffer.byteLength(text) <= maxBytes) return text;
  // A UTF-16 unit is at most three bytes of UTF-8.
  return cutText(text, Math.floor(maxBytes / 3));
}
