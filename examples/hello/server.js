// A small HTTP server that says which pod it runs in.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { hostname } from "node:os";

const greeting = process.env.GREETING ?? "Hello";
const port = Number(process.env.PORT ?? 8080);

const server = createServer((request, response) => {
  console.log(`${request.method} ${request.url}`);
  if (request.url === "/motd") {
    // Mount a ConfigMap at /etc/hello to see changes arrive in a running pod.
    response.end(readFileSync("/etc/hello/motd", "utf8"));
    return;
  }
  response.end(`${greeting} from ${hostname()}\n`);
});
server.listen(port, () => console.log(`listening on ${port}`));

process.on("SIGTERM", () => {
  console.log("stopping");
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
