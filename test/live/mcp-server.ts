/** The smallest MCP server over stdio: one tool, `poke`, that answers "poked". */
import { classifyRpc, METHOD_NOT_FOUND, rpcLines } from "../../src/lib/jsonrpc.ts";

const rpc = rpcLines({ header: true });

function answer(method: string, params: unknown): unknown {
  switch (method) {
    case "initialize": {
      const wanted =
        typeof params === "object" && params !== null && "protocolVersion" in params
          ? params.protocolVersion
          : "2025-06-18";
      return { protocolVersion: wanted, capabilities: { tools: {} }, serverInfo: { name: "poke", version: "1.0.0" } };
    }
    case "tools/list":
      return {
        tools: [
          {
            name: "poke",
            description: "Pokes.",
            inputSchema: { type: "object", properties: { a: { type: "string" } } },
          },
        ],
      };
    case "tools/call":
      return { content: [{ type: "text", text: "poked" }] };
    default:
      return undefined;
  }
}

for await (const line of console) {
  const message = classifyRpc(JSON.parse(line));
  if (message.kind !== "request") continue;
  const result = answer(message.method, message.params);
  console.log(
    result === undefined
      ? rpc.error(message.id, { code: METHOD_NOT_FOUND, message: "no such method" })
      : rpc.result(message.id, result),
  );
}
