/** `api`: any route, with our address and token. */
import { EXIT } from "../../words/exits.ts";
import { usage } from "../args.ts";
import type { Context } from "../command.ts";
import { parseJson } from "../../lib/json.ts";
import { printJson } from "../print.ts";
import { readStdin } from "../stdin.ts";
import { withoutEscapes } from "../text.ts";

const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"];

export async function run({ args, io, client: connect }: Context): Promise<number> {
  const [given = "", place = "", text] = args.words;
  const method = given.toUpperCase();
  if (!METHODS.includes(method))
    throw usage(`got the method ${JSON.stringify(given)}, expected one of ${METHODS.join(", ")}`);
  const body = text === "-" ? readStdin(io) : text;
  if (body !== undefined) {
    const parsed = parseJson(body);
    if (!parsed.ok)
      throw usage(`the body is not JSON at line ${parsed.line}, column ${parsed.column}: ${parsed.problem}`);
  }
  const response = await connect().ask(pathOf(place), {
    method,
    timeoutMs: null,
    ...(body === undefined ? {} : { body }),
  });
  if (args.has("include")) io.out.line(`HTTP/1.1 ${response.status} ${response.statusText}`.trimEnd());
  await print(response);
  return response.status < 400 ? EXIT.ok : response.status === 401 ? EXIT.unauthorized : EXIT.error;

  async function print({ headers, body: answer }: Response): Promise<void> {
    const isJson = headers.get("content-type")?.includes("json") === true;
    if (isJson && io.out.isTty) {
      const parsed = parseJson(await response.text());
      if (parsed.ok) printJson(io.out, parsed.value);
      return;
    }
    let last = 10;
    for await (const chunk of answer ?? []) {
      last = chunk.at(-1) ?? last;
      io.out.write(io.out.isTty ? withoutEscapes(new TextDecoder().decode(chunk)) : chunk);
    }
    if (isJson && last !== 10) io.out.write("\n");
  }
}

/** `/agents` is short for `/api/v1/agents`. */
function pathOf(place: string): string {
  if (!place.startsWith("/")) throw usage(`got the path ${JSON.stringify(place)}, expected one that begins with /`);
  return /^\/(api\/|metrics$|healthz$|readyz$|inspect)/.test(place) ? place : `/api/v1${place}`;
}
