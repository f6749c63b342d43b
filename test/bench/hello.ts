/** The least that a compiled server can be: what ours is measured against. `hello version` prints a line and ends. */
if (Bun.argv[2] === "version") {
  console.log("hello 1");
} else {
  const server = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response("hello") });
  console.log(`hello listens on ${server.url.origin}`);
}
