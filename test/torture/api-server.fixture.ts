/** An API server on an embedded store, as a process of its own that can be killed. Prints its port once it is ready. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { testServer } from "../../src/apiserver/server.fixture.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { systemMachine } from "../../src/base/machine.ts";
import { embeddedStore } from "../../src/store/embedded/embedded-store.ts";

const directory = process.argv[2]!;
const { clock, network } = systemMachine({ keepAlive: true });
const file = (name: string) => readFileSync(join(directory, name), "utf8");
const store = await embeddedStore({ path: join(directory, "store.db"), clock, logger: silentLogger });
const server = testServer({ store, clock, network, freeze: false });
await server.ready;
const { port } = await server.listen({
  host: "127.0.0.1",
  port: 0,
  certificate: file("tls.crt"),
  key: file("tls.key"),
  clientCa: file("ca.crt"),
});
console.log(port);
