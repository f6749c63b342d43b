/**
 * Files that go with an input, as copies of ours in the agent's folder: written before the row that names them is
 * committed, handed to the program from there and from nowhere else, gone with the agent.
 */
import { given } from "../lib/given.ts";
import { closeSync } from "node:fs";
import { join } from "node:path";
import { isPictureType } from "../lib/picture-types.ts";
import { makeAgentFolder, openAgentFile, readAt, writeAgentFile } from "../process/agent-file.ts";
import type { Traits } from "../providers/contract.ts";
import type { Attachment } from "../store/attachments.ts";
import { attachmentsOf, insertAttachment } from "../store/attachments.ts";
import type { Store } from "../store/database.ts";
import type { Input } from "../store/inputs.ts";
import { asPrompt } from "../store/inputs.ts";
import type { ResultTerms } from "../words/agent.ts";
import type { Picture, PromptInput } from "../words/said.ts";

export interface NewAttachment {
  readonly name: string;
  readonly mediaType: string;
  readonly bytes: Uint8Array;
}

const folderOf = (agentDir: string): string => join(agentDir, "attachments");

/** Inside the transaction of the input: the bytes are on the disk when it is committed. */
export function storeAttachments(
  store: Store,
  agentDir: string,
  input: number,
  all: readonly NewAttachment[],
): readonly Attachment[] {
  if (all.length === 0) return [];
  const folder = folderOf(agentDir);
  makeAgentFolder(agentDir, folder);
  return all.map(({ name, mediaType, bytes }, i) => {
    const attachment = { name, mediaType, bytes: bytes.length, file: fileName(input, i + 1, name) };
    writeAgentFile(join(folder, attachment.file), bytes, true);
    insertAttachment(store, input, i + 1, attachment);
    return attachment;
  });
}

/** The ending is kept, because programs tell kinds by it; nothing else of the name could mean something to a path. */
function fileName(input: number, n: number, name: string): string {
  const ending = /\.[A-Za-z0-9]{1,10}$/.exec(name)?.[0] ?? "";
  return `${input}-${n}${ending}`;
}

interface PromptTerms {
  readonly codec: { readonly traits: Pick<Traits, "pictures"> };
  readonly result: ResultTerms | null;
}

/** What a codec is given of an input: pictures in the program's own way, other files by their path in the text. */
export function promptOf(
  store: Store,
  agentDir: string,
  { codec, result }: PromptTerms,
  input: Input,
  now: number,
): PromptInput {
  const prompt = { ...asPrompt(input, now), ...given({ schema: result?.schema }) };
  const { pictures: way } = codec.traits;
  const all = attachmentsOf(store, input.id);
  if (all.length === 0) return prompt;
  const pictures: Picture[] = [];
  const named: string[] = [];
  for (const { name, mediaType, file } of all) {
    const path = join(folderOf(agentDir), file);
    const data = way !== undefined && isPictureType(mediaType) ? readWhole(path, way) : null;
    if (data === null) named.push(`${path} (${name}, ${mediaType})`);
    else pictures.push({ name, mediaType, path, dataBase64: data });
  }
  const text = named.length === 0 ? prompt.text : `${prompt.text}\n\nAttached files:\n${named.join("\n")}`;
  return { ...prompt, text, ...(pictures.length === 0 ? {} : { pictures }) };
}

/** null: it is not there any more, and then its path says at least which one it was. */
function readWhole(path: string, way: "data" | "path"): string | null {
  const opened = openAgentFile(path);
  if (opened.is !== "file") return null;
  try {
    return way === "path" ? "" : readAt(opened.fd, 0, opened.size).toString("base64");
  } finally {
    closeSync(opened.fd);
  }
}
