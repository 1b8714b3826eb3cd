import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect as connectHttp2 } from "node:http2";
import { request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { systemFiles } from "../base/files.ts";
import { silentLogger } from "../base/logger.ts";
import { virtualClock } from "../base/virtual-clock.ts";
import { issue, newAuthority } from "../base/x509.ts";
import { memoryStore } from "../store/memory.ts";
import { checkFixedFlags } from "./fixed-flags.ts";
import { type HttpsServer, httpsServer } from "./https.fixture.ts";
import { SIGNING_KEY, send, testServer } from "./server.fixture.ts";
import { followServingFiles, parseSniCertKey, readServingFiles } from "./serving-files.ts";
import { trafficFlags, trafficSettings } from "./traffic-flags.ts";

let directory: string;
before(async () => {
  directory = await mkdtemp(join(tmpdir(), "knarr-traffic-"));
});
after(() => rm(directory, { recursive: true }));

const NODE = { name: "system:node:n1", groups: ["system:nodes"] };
const MALLORY = { name: "mallory", groups: [] };

test("a flood by one user leaves the system's requests served at once", async () => {
  const store = memoryStore();
  const gate = Promise.withResolvers<void>();
  let held = 0;
  const slow = new Proxy(store, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (name !== "compareAndSwap") return typeof value === "function" ? value.bind(target) : value;
      return async (...args: Parameters<typeof store.compareAndSwap>) => {
        if (String(args[0]).startsWith("/registry/configmaps/default/")) {
          held++;
          await gate.promise;
        }
        return target.compareAndSwap(...args);
      };
    },
  });
  const server = testServer({
    maxReadingRequests: 40,
    maxMutatingRequests: 20,
    store: slow,
    security: {
      serviceAccounts: { issuers: ["https://kubernetes.default.svc"], signingKey: SIGNING_KEY },
      authorizationModes: ["AlwaysAllow"],
    },
  });
  await server.ready;
  const flood = Array.from({ length: 600 }, (_, index) =>
    send(
      server,
      "POST",
      "/api/v1/namespaces/default/configmaps",
      { metadata: { name: `c${index}` } },
      { user: MALLORY },
    ),
  );
  const refused = await Promise.race([...flood, Promise.resolve(undefined).then(() => undefined)]);
  assert.equal(refused?.status ?? 429, 429);
  await new Promise(setImmediate);
  // 20 of 245 shares of 60 seats, with what others lend: never nearly all.
  assert.ok(held > 0 && held < 40, `${held} requests are being executed`);
  const lease = { metadata: { name: "n1", namespace: "kube-node-lease" }, spec: { holderIdentity: "n1" } };
  const path = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
  const created = await send(server, "POST", path, lease, { user: NODE });
  assert.equal(created.status, 201, created.text);
  assert.ok(created.headers["x-kubernetes-pf-flowschema-uid"] && created.headers["x-kubernetes-pf-prioritylevel-uid"]);
  const scheduler = { name: "system:kube-scheduler", groups: [] };
  assert.equal((await send(server, "GET", `${path}/n1`, undefined, { user: scheduler })).status, 200);
  assert.equal((await send(server, "GET", "/readyz", undefined, { user: MALLORY })).status, 200);

  const dump = await send(server, "GET", "/debug/api_priority_and_fairness/dump_requests?includeRequestDetails=1");
  assert.match(dump.text, /^global-default, +global-default, +\d+, +\d+, +mallory, .* mallory, +create, /m);
  gate.resolve();
  const answers = await Promise.all(flood);
  const counts = (status: number) => answers.filter((answer) => answer.status === status).length;
  assert.equal(counts(201) + counts(429), 600);
  // A flow may use six queues of 50.
  assert.ok(counts(201) >= 300 && counts(429) >= 200, `${counts(201)} created, ${counts(429)} refused`);
  const sent = answers.find(({ status }) => status === 429)!;
  assert.equal(sent.text, "Too many requests, please try again later.\n");
  assert.ok(Number(sent.headers["retry-after"]) >= 1);
  const metrics = (await send(server, "GET", "/metrics")).text;
  assert.match(
    metrics,
    /apiserver_flowcontrol_rejected_requests_total\{priority_level="global-default",flow_schema="global-default",reason="queue-full"\} \d{3}\n/,
  );
  assert.match(
    metrics,
    /apiserver_request_terminations_total\{verb="POST",.*resource="configmaps",.*code="429"\} \d{3}\n/,
  );
  await server.close(0);
});

test("flow schemas are bootstrapped, told whether their level is there, and kept", async () => {
  const server = testServer();
  await server.ready;
  const base = "/apis/flowcontrol.apiserver.k8s.io/v1";
  const list = await send<{ items: { metadata: { name: string } }[] }>(server, "GET", `${base}/flowschemas`);
  assert.equal(list.json.items.length, 11);
  type Schema = { status?: { conditions?: { type: string; status: string }[] } };
  const condition = async (name: string) =>
    (await send<Schema>(server, "GET", `${base}/flowschemas/${name}`)).json.status?.conditions?.[0]?.status;
  const until = async (name: string, status: string) => {
    for (let round = 0; round < 500 && (await condition(name)) !== status; round++) await new Promise(setImmediate);
    assert.equal(await condition(name), status);
  };
  await until("system-nodes", "False");
  const spec = {
    matchingPrecedence: 7000,
    priorityLevelConfiguration: { name: "missing" },
    rules: [
      {
        subjects: [{ kind: "User", user: { name: "jane" } }],
        nonResourceRules: [{ verbs: ["*"], nonResourceURLs: ["*"] }],
      },
    ],
  };
  await send(server, "POST", `${base}/flowschemas`, { metadata: { name: "dangling" }, spec });
  await until("dangling", "True");
  const limited = { nominalConcurrencyShares: 5, limitResponse: { type: "Reject" } };
  const level = { metadata: { name: "missing" }, spec: { type: "Limited", limited } };
  await send(server, "POST", `${base}/prioritylevelconfigurations`, level);
  await until("dangling", "False");
  const answer = await send(server, "GET", "/version", undefined, { user: { name: "jane", groups: [] } });
  const stored = await send<{ metadata: { uid: string } }>(server, "GET", `${base}/flowschemas/dangling`);
  assert.equal(answer.headers["x-kubernetes-pf-flowschema-uid"], stored.json.metadata.uid);
  await server.close(0);
});

test("health checks can be looked at one by one, excluded, and are measured", async () => {
  const server = testServer({
    healthChecks: [
      {
        name: "broken",
        group: "optional",
        check: () => {
          throw new Error("no luck");
        },
      },
    ],
  });
  await server.ready;
  const get = (path: string) => send(server, "GET", path);
  const failed = await get("/readyz");
  assert.equal(failed.status, 500);
  assert.match(
    failed.text,
    /^\[\+\]ping ok\n\[\+\]log ok\n[\s\S]*\[-\]broken failed: reason withheld\n[\s\S]*shutdown ok\nreadyz check failed\n$/,
  );
  assert.equal((await get("/readyz?exclude=broken")).text, "ok");
  assert.match(
    (await get("/livez?verbose&exclude=optional&exclude=x")).text,
    /broken excluded with optional: ok\n[\s\S]*\nwarn: [^\n]* "x"\nlivez check passed\n$/,
  );
  assert.deepEqual(
    [(await get("/livez/broken")).text, (await get("/livez/ping")).text],
    ["internal server error: no luck\n", "ok"],
  );
  const slis = (await get("/metrics/slis")).text;
  assert.match(slis, /kubernetes_healthcheck\{name="broken",type="readyz"\} 0\n/);
  assert.match(slis, /kubernetes_healthchecks_total\{name="ping",type="readyz",status="success"\} 2\n/);
  await server.close(0);
});

test("requests are counted under upstream's verbs and scopes", async () => {
  const server = testServer();
  await server.ready;
  // Nobody else writes pod templates: the counts are those of this test.
  const templates = "/api/v1/namespaces/default/podtemplates";
  const template = { spec: { containers: [{ name: "c", image: "i" }] } };
  await send(server, "POST", templates, { metadata: { name: "a" }, template });
  await send(server, "GET", `${templates}/a`);
  await send(server, "GET", templates);
  const apply = { "content-type": "application/apply-patch+yaml" };
  const applied = { apiVersion: "v1", kind: "PodTemplate", metadata: { name: "a", labels: { l: "v" } } };
  await send(server, "PATCH", `${templates}/a?fieldManager=t`, JSON.stringify(applied), { headers: apply });
  await send(server, "DELETE", templates);
  await send(server, "GET", "/livez");
  await send(server, "GET", "/secret/path");
  const text = (await send(server, "GET", "/metrics")).text;
  const count = (verb: string, scope: string, code: number) =>
    new RegExp(
      `apiserver_request_total\\{verb="${verb}",dry_run="",group="",version="v1",resource="podtemplates",subresource="",scope="${scope}",component="apiserver",code="${code}"\\} 1\\n`,
    );
  for (const [verb, scope, code] of [
    ["POST", "resource", 201],
    ["GET", "resource", 200],
    ["LIST", "namespace", 200],
    ["APPLY", "resource", 200],
    ["DELETE", "namespace", 200],
  ] as const) {
    assert.match(text, count(verb, scope, code));
  }
  assert.match(text, /apiserver_request_total\{verb="GET",[^}]*subresource="\/livez",scope="",[^}]*\} 1\n/);
  assert.doesNotMatch(text, /secret/);
  for (const name of [
    "apiserver_request_sli_duration_seconds_count",
    "apiserver_response_sizes_sum",
    "apiserver_current_inflight_requests",
    "apiserver_current_inqueue_requests",
    "apiserver_storage_objects",
    "apiserver_admission_controller_admission_duration_seconds_count",
    "authentication_attempts",
    "authorization_attempts_total",
    "process_start_time_seconds",
    "process_open_fds",
    "kubernetes_build_info",
    "kubernetes_feature_enabled",
    "apiserver_flowcontrol_nominal_limit_seats",
  ]) {
    assert.match(text, new RegExp(`^${name}[ {]`, "m"), name);
  }
  await server.close(0);
});

test("deadlines are the server's or the request's own, and nonsense is told", async () => {
  const server = testServer();
  await server.ready;
  const get = (timeout: string) => send<{ message: string }>(server, "GET", `/api/v1/pods?timeout=${timeout}`);
  assert.equal((await get("5s")).status, 200);
  assert.equal((await get("0s")).status, 200);
  for (const [timeout, message] of [
    ["soon", 'time: invalid duration "soon"'],
    ["5", 'time: missing unit in duration "5"'],
    ["5x", 'time: unknown unit "x" in duration "5x"'],
  ] as const) {
    const answer = await get(timeout);
    assert.deepEqual(
      [answer.status, answer.json.message],
      [400, `invalid timeout specified in the request URL - ${message}`],
    );
  }
  await server.close(0);
});

test("pages of allowed origins may use the API, and browsers are told to use TLS", async () => {
  const server = testServer({
    corsOrigins: [/^https:\/\/good\.example$/],
    hstsDirectives: ["max-age=31536000", "preload"],
  });
  await server.ready;
  const get = (origin: string) => send(server, "GET", "/version", undefined, { headers: { origin } });
  const good = await get("https://good.example");
  assert.equal(good.headers["access-control-allow-origin"], "https://good.example");
  assert.equal(good.headers["access-control-allow-credentials"], "true");
  assert.equal((await get("https://evil.example")).headers["access-control-allow-origin"], undefined);
  assert.equal(good.headers["strict-transport-security"], "max-age=31536000; preload");
  await server.close(0);
});

test("a server that leaves goes on for the delay, then sends clients elsewhere while requests finish", async () => {
  const clock = virtualClock();
  const server = testServer({ clock, shutdown: { delayMs: 10_000, sendRetryAfter: true } });
  const started = server.ready;
  for (let round = 0; round < 50; round++) await clock.advance(100);
  await started;
  const closing = server.close(1000);
  await clock.advance(1000);
  assert.match((await send(server, "GET", "/readyz?verbose")).text, /\[-\]shutdown failed/);
  assert.equal((await send(server, "GET", "/version")).status, 200);
  await clock.advance(20_000);
  await closing;
});

test("statusz and flagz tell people what runs, and programs in versions", async () => {
  const server = testServer({ flags: { "max-requests-inflight": "400" } });
  await server.ready;
  const get = (path: string, accept?: string) =>
    send<Record<string, unknown>>(server, "GET", path, undefined, accept ? { headers: { accept } } : {});
  assert.match((await get("/flagz")).text, /^\nkube-apiserver flagz\nWarning: [\s\S]*\nmax-requests-inflight=400\n/);
  assert.match((await get("/statusz", "text/plain")).text, /Binary version: 1\.36\.\d/);
  const status = await get("/statusz", "application/json;v=v1beta1;g=config.k8s.io;as=Statusz");
  assert.equal(status.json["apiVersion"], "config.k8s.io/v1beta1");
  assert.ok((status.json["paths"] as string[]).includes("/livez"));
  const old = await get("/flagz", "application/json;v=v1alpha1;g=config.k8s.io;as=Flagz");
  assert.match(old.headers["warning"]!, /deprecated/);
  assert.equal((await get("/flagz", "application/json")).status, 406);
  await server.close(0);
});

const defaults = Object.fromEntries(
  Object.entries(trafficFlags).map(([name, flag]) => [name, "default" in flag ? flag.default : undefined]),
) as Parameters<typeof trafficSettings>[0];

test("flags that make no sense are refused in upstream's words", () => {
  const bad: [Partial<typeof defaults>, RegExp][] = [
    [{ "goaway-chance": 0.03 }, /--goaway-chance can not be less than 0 or greater than 0\.02/],
    [{ "shutdown-delay-duration": -1 }, /--shutdown-delay-duration can not be negative value/],
    [{ "tls-min-version": "VersionTLS99" }, /unknown tls version "VersionTLS99"/],
    [{ "tls-min-version": "VersionTLS10" }, /not safe/],
    [{ "tls-cipher-suites": ["TLS_NONE"] }, /Cipher suite TLS_NONE not supported or doesn't exist/],
    [{ "cors-allowed-origins": ["example.com"] }, /does not pin to start\/end of host/],
    [{ "cors-allowed-origins": ["^("] }, /invalid regular expression/],
    [{ "strict-transport-security-directives": ["never"] }, /allowed values: max-age/],
    [{ profiling: true }, /--profiling=true is not supported/],
    [{ "tls-sni-cert-key": ["onlyone"] }, /expected comma separated certificate and key file paths/],
  ];
  for (const [given, expected] of bad) assert.throws(() => trafficSettings({ ...defaults, ...given }), expected);
  assert.equal(trafficSettings(defaults).tls.minVersion, "TLSv1.2");
  assert.throws(() => checkFixedFlags({ "watch-cache": false }), /--watch-cache: only true is supported/);
  assert.throws(() => checkFixedFlags({ "tracing-config-file": "/x" }), /--tracing-config-file is not supported/);
  checkFixedFlags({ "watch-cache": true, "kubelet-timeout": 5000 });
});

/** The common name of the certificate that a server shows for a name, and the protocol spoken. */
function shown(port: number, servername: string, options: object = {}): Promise<{ name: string; protocol: string }> {
  return new Promise((resolve, reject) => {
    const socket = connectTls({ host: "127.0.0.1", port, servername, rejectUnauthorized: false, ...options }, () => {
      resolve({ name: String(socket.getPeerCertificate().subject.CN), protocol: socket.getProtocol()! });
      socket.destroy();
    });
    socket.on("error", reject);
  });
}

test("certificates are chosen by name, replaced while the server runs, and kept where new ones are broken", async () => {
  const now = Date.now();
  const authority = newAuthority({ commonName: "ca", now, validityMs: 86_400_000 });
  const write = async (file: string, commonName: string, dnsNames: string[]) => {
    const period = { notBefore: now, notAfter: now + 86_400_000 };
    const made = issue({ authority, commonName, usages: ["server"], dnsNames, ...period });
    await writeFile(join(directory, `${file}.crt`), made.certificatePem);
    await writeFile(join(directory, `${file}.key`), made.privateKeyPem!);
  };
  await write("main", "first", ["localhost"]);
  await write("other", "other", ["other.example", "*.wild.example"]);
  const file = (name: string) => join(directory, name);
  const paths = {
    certificate: file("main.crt"),
    key: file("main.key"),
    sni: [parseSniCertKey(`${file("other.crt")},${file("other.key")}`)],
  };
  const loaded = await readServingFiles(paths, systemFiles);
  const https: HttpsServer = await httpsServer({}, { ...loaded, minVersion: "TLSv1.3" });
  await https.server.ready;
  const following = followServingFiles({
    paths,
    loaded,
    apply: (material) => https.server.updateTls(material),
    files: systemFiles,
    clock: virtualClock(),
    logger: silentLogger,
  });
  const names = async () => {
    const all = ["localhost", "other.example", "a.wild.example", "a.b.wild.example"];
    return (await Promise.all(all.map((name) => shown(https.port, name)))).map(({ name }) => name).join(" ");
  };
  assert.equal(await names(), "first other other first");
  assert.equal((await shown(https.port, "localhost")).protocol, "TLSv1.3");
  await assert.rejects(shown(https.port, "localhost", { maxVersion: "TLSv1.2" }));
  await write("main", "second", ["localhost"]);
  await following.check();
  assert.equal(await names(), "second other other second");
  await writeFile(file("main.crt"), "garbage");
  await following.check();
  assert.equal(await names(), "second other other second");
  following.stop();
  await https.server.close(0);
});

test("a part of the HTTP/2 clients are told to connect anew", async () => {
  const https = await httpsServer({ goawayChance: 1 });
  await https.server.ready;
  const session = connectHttp2(`https://127.0.0.1:${https.port}`, { ca: https.certificates.authority.certificatePem });
  const away = new Promise((resolve) => session.once("goaway", resolve));
  const stream = session.request({ ":path": "/livez" });
  const status = new Promise((resolve) => stream.once("response", (headers) => resolve(headers[":status"])));
  stream.resume();
  assert.equal(await status, 200);
  await away;
  session.destroy();
  const body = await new Promise<string>((resolve, reject) => {
    const options = { host: "127.0.0.1", port: https.port, path: "/livez", rejectUnauthorized: false, agent: false };
    httpsRequest(options, (response) => {
      response.on("data", (chunk: Buffer) => resolve(chunk.toString()));
    })
      .on("error", reject)
      .end();
  });
  assert.equal(body, "ok");
  await https.server.close(0);
});

test("a big answer keeps its seats until it is sent, over either protocol, and gives them back", async () => {
  const https = await httpsServer();
  await https.server.ready;
  const path = "/api/v1/namespaces/default/configmaps";
  const data = { text: "x".repeat(200_000) };
  await send(https.server, "POST", path, { metadata: { name: "big" }, data });
  const rule = { verbs: ["list"], apiGroups: [""], resources: ["configmaps"] };
  const rbac = "/apis/rbac.authorization.k8s.io/v1";
  await send(https.server, "POST", `${rbac}/clusterroles`, { metadata: { name: "lister" }, rules: [rule] });
  const subjects = [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "mallory" }];
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "lister" };
  await send(https.server, "POST", `${rbac}/clusterrolebindings`, { metadata: { name: "lister" }, roleRef, subjects });
  const { certificatePem: cert, privateKeyPem: key } = https.certificates.user("mallory");
  const ca = https.certificates.authority.certificatePem;
  const executing = async () => {
    const { text } = await send(https.server, "GET", "/metrics");
    return /current_executing_requests\{priority_level="global-default",[^}]*\} (\d+)/.exec(text)?.[1];
  };
  const until = async (count: string) => {
    for (let round = 0; round < 2000 && (await executing()) !== count; round++) await new Promise(setImmediate);
    assert.equal(await executing(), count);
  };
  const session = connectHttp2(`https://127.0.0.1:${https.port}`, {
    ca,
    cert,
    key,
    settings: { initialWindowSize: 1000 },
  });
  const stream = session.request({ ":path": path });
  stream.pause();
  await new Promise((resolve) => stream.once("response", resolve));
  await until("1");
  stream.resume();
  await new Promise((resolve) => stream.once("end", resolve));
  await until("0");
  // Who leaves in the middle gives them back as well.
  const left = session.request({ ":path": path });
  left.pause();
  left.on("error", () => {});
  await new Promise((resolve) => left.once("response", resolve));
  await until("1");
  left.destroy();
  await until("0");
  session.destroy();
  await new Promise<void>((resolve, reject) => {
    httpsRequest({ host: "127.0.0.1", port: https.port, path, ca, cert, key: key!, agent: false }, (response) => {
      response.resume().once("end", () => resolve());
    })
      .on("error", reject)
      .end();
  });
  await until("0");
  await https.server.close(0);
});
