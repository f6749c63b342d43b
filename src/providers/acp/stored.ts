/** Reading the stored state of this codec back. What decides who works on what must be there; the rest is filled. */
import {
  aCount,
  aFlag,
  aNumber,
  anything,
  aText,
  listOf,
  mapOf,
  oneOf,
  orNull,
  type Reader,
  readStored,
  shapeOf,
  type Stored,
} from "../../lib/stored.ts";
import { PERMISSION_MODES } from "../../words/kinds.ts";
import { anError, anOutcome, aUsage, theFields } from "../stored.ts";
import {
  type AcpState,
  type Agent,
  type Ask,
  type Ending,
  type Offered,
  type Opening,
  type OpenMessage,
  type OpenPrompt,
  PHASES,
  type Setup,
  type Tool,
} from "./state.ts";

const setup: Reader<Setup> = shapeOf<Setup>({
  cwd: aText,
  resume: orNull(aText),
  model: orNull(aText),
  permissions: oneOf(...PERMISSION_MODES),
  login: orNull(aText),
  program: aText,
});

const opening: Reader<Opening> = shapeOf<Opening>({ phase: oneOf("open", "load"), method: aText, params: theFields });

const agent: Reader<Agent> = shapeOf<Agent>(
  {
    name: aText,
    program: orNull(aText),
    images: aFlag,
    version: orNull(aText),
    authMethods: listOf(
      shapeOf<Agent["authMethods"][number]>({ id: aText, name: aText, description: aText }, { description: "" }),
    ),
  },
  { images: false, program: null },
);

const prompt: Reader<OpenPrompt> = shapeOf<OpenPrompt>(
  { id: aCount, key: aText, accepted: aFlag, cancelling: aFlag, counted: aFlag },
  { counted: false },
);

const message: Reader<OpenMessage> = shapeOf<OpenMessage>(
  {
    key: aText,
    messageId: orNull(aText),
    begun: aFlag,
    spoken: aFlag,
    block: shapeOf({ type: oneOf("text", "thinking"), text: aText }),
  },
  // Before it was kept, nothing hung on it.
  { spoken: true },
);

const offered: Reader<Offered> = shapeOf<Offered>({
  loaded: aFlag,
  model: orNull(shapeOf({ method: aText, params: theFields })),
});

// Once the moments were kept: it waits anew.
const ending: Reader<Ending> = shapeOf<Ending>({ outcome: anOutcome, error: orNull(anError), of: aCount }, { of: 0 });

const tool: Reader<Tool> = shapeOf<Tool>({
  title: aText,
  kind: aText,
  name: orNull(aText),
  input: anything,
  output: aText,
  used: aFlag,
  done: aFlag,
});

const rpcId: Reader<string | number> = (json, path) => (typeof json === "string" ? json : aNumber(json, path));

const state: Reader<AcpState> = shapeOf<AcpState>(
  {
    phase: oneOf(...PHASES),
    nextId: aCount,
    waiting: orNull(aCount),
    setup,
    offered: orNull(offered),
    askingMode: orNull(aText),
    opening: orNull(opening),
    agent,
    session: orNull(aText),
    sessionTold: aFlag,
    preamble: orNull(aText),
    prompt: orNull(prompt),
    ending: orNull(ending),
    late: aCount,
    closed: orNull(shapeOf({ key: aText, messageId: orNull(aText) })),
    message: orNull(message),
    tools: mapOf(tool),
    asks: mapOf(shapeOf<Ask>({ rpc: rpcId, toolCallId: aText, answered: aFlag })),
    asked: aCount,
    messages: aCount,
    usage: aUsage,
  },
  {
    offered: null,
    askingMode: null,
    opening: null,
    preamble: null,
    ending: null,
    late: 0,
    closed: null,
    usage: {},
  },
);

export function readAcpState(json: unknown): Stored<AcpState> {
  return readStored(state, json);
}
