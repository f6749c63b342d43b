/** A whole conversation, page by page, as Markdown or as lines of JSON. */
import type { Client } from "./client.ts";
import { agentPath } from "./client.ts";
import { h } from "./dom.ts";
import { fields, list, number, text } from "./read.ts";

type Place = { readonly project: string; readonly id: string };

async function* pages(client: Client, agent: Place): AsyncGenerator<readonly unknown[]> {
  for (let after = 0; ;) {
    const { body } = await client.get(`${agentPath(agent)}/messages?after=${after}&limit=200`);
    const messages = list(body["messages"]);
    yield messages;
    after = number(fields(messages.at(-1))["id"]);
    if (body["more"] !== true || messages.length === 0) return;
  }
}

export async function conversationAsMarkdown(client: Client, agent: Place): Promise<string> {
  const out: string[] = [];
  for await (const page of pages(client, agent)) {
    for (const each of page) {
      const message = fields(each);
      if (message["role"] === "user") out.push(`## You, ${text(message["createdAt"])}\n\n${text(message["text"])}`);
      if (message["role"] === "assistant" && text(message["text"]) !== "") out.push(text(message["text"]));
    }
  }
  return `${out.join("\n\n")}\n`;
}

export async function lastAnswer(client: Client, agent: Place): Promise<string> {
  const { body } = await client.get(`${agentPath(agent)}/messages/last`);
  return text(fields(body["message"])["text"]);
}

export async function downloadConversation(client: Client, agent: Place): Promise<void> {
  const lines: string[] = [];
  for await (const page of pages(client, agent)) lines.push(...page.map((each) => `${JSON.stringify(each)}\n`));
  download(lines, `${agent.project}-${agent.id}.jsonl`);
}

export function download(lines: readonly string[], name: string): void {
  const url = URL.createObjectURL(new Blob([...lines], { type: "application/x-ndjson" }));
  h("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
