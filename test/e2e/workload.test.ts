/** The README's tour and what users do next, with real kubectl, containerd and containers. */
import assert from "node:assert/strict";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { eventually, fetchText, must, root, run, skip, TestCluster } from "./cluster.fixture.ts";

let cluster: TestCluster;

before(async () => {
  if (skip) return;
  cluster = await TestCluster.create("work");
  await cluster.up("--kubeconfig", cluster.kubeconfig);
  must(
    await cluster.knarr("image", "build", join(root, "examples/hello"), "-t", "hello:1", "--name", cluster.name),
    "image build",
  );
  must(
    await cluster.knarr("image", "build", join(root, "examples/hello"), "-t", "hello:2", "--name", cluster.name),
    "image build",
  );
  const shell = join(cluster.directory, "shell");
  await mkdir(join(shell, "bin"), { recursive: true });
  await mkdir(join(shell, "tmp"));
  must(await run("cp", ["/bin/busybox", join(shell, "bin/busybox")]), "cp");
  for (const applet of [
    "sh",
    "wget",
    "nslookup",
    "tar",
    "cat",
    "sleep",
    "ls",
    "echo",
    "kill",
    "env",
    "id",
    "nc",
    "hostname",
    "touch",
    "test",
  ]) {
    must(await run("ln", ["-s", "busybox", join(shell, "bin", applet)]), "ln");
  }
  must(
    await cluster.knarr("image", "build", "--rootfs", shell, "-t", "shell:1", "--name", cluster.name),
    "image build --rootfs",
  );
});
after(async () => {
  if (!skip) await cluster.remove();
});

const names = (text: string) => [...new Set([...text.matchAll(/from (\S+)/g)].map((match) => match[1]!))].sort();
const podNames = async (selector: string) =>
  (await cluster.kubectl("get", "pods", "-l", selector, "-o", "jsonpath={.items[*].metadata.name}")).split(" ").sort();

test("up again says that it is running", { skip }, async () => {
  const { stdout } = await cluster.up("--kubeconfig", cluster.kubeconfig);
  assert.match(stdout, /already running/);
  assert.match(await cluster.kubectl("get", "nodes"), / Ready /);
});

test("a deployment is rolled out, exposed, and answers at its cluster IP and node port from all pods", {
  skip,
}, async () => {
  await cluster.kubectl("apply", "-f", join(root, "examples/hello/hello.yaml"));
  await cluster.kubectl("rollout", "status", "deployment/hello", "--timeout=60s");
  const expected = await podNames("app=hello");
  assert.equal(expected.length, 3);
  const address = await cluster.kubectl("get", "service", "hello", "-o", "jsonpath={.spec.clusterIP}");
  const nodePort = await cluster.kubectl("get", "service", "hello", "-o", "jsonpath={.spec.ports[0].nodePort}");
  const { nodeAddress } = await cluster.status();
  for (const url of [`http://${address}/`, `http://${nodeAddress}:${nodePort}/`]) {
    let seen = "";
    await eventually(`answers of all pods at ${url}`, async () => {
      seen += await fetchText(url);
      return names(seen).length === 3;
    });
    assert.deepEqual(names(seen), expected);
  }
});

test("pods reach each other by DNS name", { skip }, async () => {
  await cluster.kubectl("run", "client", "--image=shell:1", "--command", "--", "sleep", "3600");
  await cluster.kubectl("wait", "--for=condition=Ready", "pod/client", "--timeout=60s");
  let seen = "";
  await eventually("answers of all pods by name", async () => {
    seen += await cluster.kubectl("exec", "client", "--", "wget", "-qO-", "http://hello.default.svc.cluster.local/");
    return names(seen).length === 3;
  });
  assert.match(await cluster.kubectl("exec", "client", "--", "wget", "-qO-", "http://hello/"), /^Hello from hello-/);
  assert.match(
    await cluster.kubectl("exec", "client", "--", "nslookup", "kubernetes.default.svc.cluster.local"),
    /Address: +10\.\d+\.0\.1\b/,
  );
});

test("logs, exec, attach, cp and port-forward", { skip }, async () => {
  const [pod] = await podNames("app=hello");
  assert.match(await cluster.kubectl("logs", pod!), /listening on 8080/);
  assert.match(await cluster.kubectl("logs", pod!, "--tail=1", "--timestamps"), /^\d{4}-\d\d-\d\dT\S+Z /);
  assert.equal(await cluster.kubectl("exec", "client", "--", "sh", "-c", "echo out; echo err >&2"), "out\n");
  const failed = await cluster.tryKubectl(["exec", "client", "--", "sh", "-c", "exit 7"]);
  assert.equal(failed.code, 7);
  const piped = must(await cluster.tryKubectl(["exec", "-i", "client", "--", "cat"], "through stdin"), "exec -i");
  assert.equal(piped.stdout, "through stdin");

  const big = join(cluster.directory, "big");
  const content = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
  await writeFile(big, content);
  await cluster.kubectl("cp", big, "client:/tmp/big");
  await cluster.kubectl("cp", "client:/tmp/big", `${big}.back`);
  assert.ok(content.equals(await readFile(`${big}.back`)));

  await cluster.kubectl(
    "run",
    "echo",
    "--image=shell:1",
    "--stdin",
    "--command",
    "--",
    "sh",
    "-c",
    "while read line; do echo got $line; done",
  );
  await cluster.kubectl("wait", "--for=condition=Ready", "pod/echo", "--timeout=60s");
  const attached = cluster.background("attach", "-i", "echo");
  attached.stdin!.write("one\n");
  await eventually("the attached container's answer", async () => attached.output().includes("got one"));
  attached.kill();

  const forward = cluster.background("port-forward", "service/hello", ":80");
  const port = await eventually("the forwarded port", async () => /127\.0\.0\.1:(\d+) ->/.exec(forward.output())?.[1]);
  const answers = await Promise.all(Array.from({ length: 8 }, () => fetchText(`http://127.0.0.1:${port}/`)));
  assert.equal(answers.length, 8);
  forward.kill();
});

test("get in all forms, describe, explain", { skip }, async () => {
  const wide = await cluster.kubectl("get", "pods", "-o", "wide", "-l", "app=hello");
  assert.match(wide, /^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES\n/);
  assert.match(wide, /hello-\S+ +1\/1 +Running +0 +\S+ +10\.\d+\.\d+\.\d+ +\S+ +<none> +<none>\n/);
  assert.match(
    await cluster.kubectl("get", "deployment", "hello"),
    /^NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nhello +3\/3 +3 +3 /,
  );
  assert.match(
    await cluster.kubectl("get", "service", "hello", "-o", "yaml"),
    /^apiVersion: v1\nkind: Service\n|kind: Service/,
  );
  assert.equal(JSON.parse(await cluster.kubectl("get", "node", "-o", "json")).items.length, 1);
  assert.equal(await cluster.kubectl("get", "deploy", "hello", "-o", "jsonpath={.status.readyReplicas}"), "3");
  const described = await cluster.kubectl("describe", "pod", "client");
  for (const expected of [
    /Successfully assigned default\/client to/,
    /Created container|Container created/,
    /Started container|Container started/,
    /Status: +Running/,
  ]) {
    assert.match(described, expected);
  }
  assert.match(await cluster.kubectl("describe", "service", "hello"), /Endpoints: +10\.\d+\.\d+\.\d+:8080/);
  assert.match(await cluster.kubectl("explain", "deployment.spec.strategy"), /rollingUpdate/);
  const events = await cluster.kubectl(
    "get",
    "events",
    "--field-selector",
    "involvedObject.name=client",
    "-o",
    "jsonpath={.items[*].reason}",
  );
  assert.deepEqual(events.split(" ").sort(), ["Created", "Pulled", "Scheduled", "Started"]);
});

test("label, annotate, scale, set image, undo, watch", { skip }, async () => {
  const watch = cluster.background("get", "deployment", "hello", "--watch", "-o", "jsonpath={.spec.replicas} ");
  await cluster.kubectl("label", "deployment", "hello", "tier=front");
  await cluster.kubectl("annotate", "deployment", "hello", "note=kept");
  assert.match(await cluster.kubectl("get", "deployment", "-l", "tier=front", "-o", "name"), /deployment.apps\/hello/);
  await cluster.kubectl("scale", "deployment", "hello", "--replicas=5");
  await cluster.kubectl("rollout", "status", "deployment/hello", "--timeout=60s");
  assert.equal((await podNames("app=hello")).length, 5);
  await eventually("the watch to show 5 replicas", async () => watch.output().includes("5"));
  watch.kill();
  await cluster.kubectl("scale", "deployment", "hello", "--replicas=2");
  await cluster.kubectl("set", "image", "deployment/hello", "hello=hello:2");
  await cluster.kubectl("rollout", "status", "deployment/hello", "--timeout=60s");
  const image = () =>
    cluster.kubectl("get", "pods", "-l", "app=hello", "-o", "jsonpath={.items[*].spec.containers[0].image}");
  await eventually("only new pods", async () => (await image()) === "hello:2 hello:2");
  await cluster.kubectl("rollout", "undo", "deployment/hello");
  await cluster.kubectl("rollout", "status", "deployment/hello", "--timeout=60s");
  await eventually("only old pods", async () => (await image()) === "hello:1 hello:1");
  assert.match(await cluster.kubectl("rollout", "history", "deployment/hello"), /2 +<none>\n3 +<none>/);
});

test("apply twice, diff, apply --server-side with a conflict, wait, delete", { skip }, async () => {
  const yaml = (value: string) =>
    `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  color: ${value}\n`;
  assert.match(await cluster.apply(yaml("red")), /configmap\/settings created/);
  assert.match(await cluster.apply(yaml("red")), /configmap\/settings unchanged/);
  const diff = await cluster.tryKubectl(["diff", "-f", "-"], yaml("blue"));
  assert.notEqual(diff.code, 0);
  assert.match(diff.stdout, /- {2}color: red\n\+ {2}color: blue/);
  assert.match(await cluster.apply(yaml("blue")), /configmap\/settings configured/);
  const conflict = await cluster.tryKubectl(
    ["apply", "--server-side", "--field-manager=other", "-f", "-"],
    yaml("green"),
  );
  assert.match(
    conflict.stderr,
    /conflict with "kubectl-client-side-apply" using v1: \.data\.color|conflict with "kubectl-client-side-apply".*\n- \.data\.color|\.data\.color/,
  );
  assert.match(
    await cluster.apply(yaml("green"), "--server-side", "--field-manager=other", "--force-conflicts"),
    /serverside-applied/,
  );
  assert.equal(await cluster.kubectl("get", "configmap", "settings", "-o", "jsonpath={.data.color}"), "green");
  await cluster.kubectl("delete", "configmap", "settings");
  const gone = await cluster.tryKubectl(["get", "configmap", "settings"]);
  assert.match(gone.stderr, /Error from server \(NotFound\): configmaps "settings" not found/);
});

test("environment, volumes and probes", { skip }, async () => {
  await cluster.kubectl("create", "configmap", "motd", "--from-literal=motd=first");
  await cluster.kubectl("create", "secret", "generic", "key", "--from-literal=value=s3cret");
  await cluster.apply(`
apiVersion: v1
kind: Pod
metadata: { name: everything, labels: { app: everything } }
spec:
  terminationGracePeriodSeconds: 1
  initContainers:
    - { name: prepare, image: "shell:1", command: [sh, -c, "echo prepared > /work/file"], volumeMounts: [{ name: work, mountPath: /work }] }
    - { name: side, image: "shell:1", restartPolicy: Always, command: [sleep, "3600"] }
  containers:
    - name: main
      image: shell:1
      command: [sh, -c, "cat /work/file; sleep 3600"]
      env:
        - { name: POD_IP, valueFrom: { fieldRef: { fieldPath: status.podIP } } }
        - { name: KEY, valueFrom: { secretKeyRef: { name: key, key: value } } }
        - { name: CPU, valueFrom: { resourceFieldRef: { resource: limits.cpu, divisor: 1m } } }
        - { name: GREETING, value: "from $(POD_IP)" }
      resources: { limits: { cpu: 500m, memory: 64Mi } }
      readinessProbe: { exec: { command: [test, -f, /tmp/ready] }, periodSeconds: 1 }
      volumeMounts:
        - { name: work, mountPath: /work }
        - { name: motd, mountPath: /etc/motd.d }
        - { name: secret, mountPath: /etc/key, readOnly: true }
        - { name: memory, mountPath: /fast }
        - { name: host, mountPath: /host, readOnly: true }
  volumes:
    - { name: work, emptyDir: {} }
    - { name: memory, emptyDir: { medium: Memory } }
    - { name: motd, configMap: { name: motd } }
    - { name: secret, secret: { secretName: key, defaultMode: 0400 } }
    - { name: host, hostPath: { path: /etc, type: Directory } }
`);
  const phase = () => cluster.kubectl("get", "pod", "everything", "-o", "jsonpath={.status.phase}");
  await eventually("a running pod", async () => (await phase()) === "Running");
  const inside = (...command: string[]) => cluster.kubectl("exec", "everything", "-c", "main", "--", ...command);
  assert.equal(await cluster.kubectl("logs", "everything", "-c", "main"), "prepared\n");
  const environment = await inside("env");
  const address = await cluster.kubectl("get", "pod", "everything", "-o", "jsonpath={.status.podIP}");
  for (const line of [
    `POD_IP=${address}`,
    "KEY=s3cret",
    "CPU=500",
    `GREETING=from ${address}`,
    "KUBERNETES_SERVICE_PORT=443",
  ]) {
    assert.ok(environment.includes(`${line}\n`), `${line} in ${environment}`);
  }
  assert.equal(await inside("cat", "/etc/key/value"), "s3cret");
  assert.ok((await inside("cat", "/host/hostname")).length > 0);
  assert.match(await inside("cat", "/var/run/secrets/kubernetes.io/serviceaccount/namespace"), /^default$/);
  assert.match(await cluster.kubectl("get", "pod", "everything"), /1\/2 +Running/);
  await inside("touch", "/tmp/ready");
  await cluster.kubectl("wait", "--for=condition=Ready", "pod/everything", "--timeout=60s");
  await cluster
    .kubectl("create", "configmap", "motd", "--from-literal=motd=second", "--dry-run=client", "-o", "yaml")
    .then((yaml) => cluster.apply(yaml));
  await eventually(
    "the changed ConfigMap in the pod",
    async () => (await inside("cat", "/etc/motd.d/motd")) === "second",
    120_000,
  );
  await cluster.kubectl("delete", "pod", "everything", "--timeout=60s");
});

test("a killed container is started again, and the count shown", { skip }, async () => {
  await cluster.kubectl("run", "mortal", "--image=shell:1", "--command", "--", "sleep", "3600");
  await cluster.kubectl("wait", "--for=condition=Ready", "pod/mortal", "--timeout=60s");
  await cluster.tryKubectl(["exec", "mortal", "--", "kill", "-9", "1"]);
  const id = (
    await cluster.kubectl("get", "pod", "mortal", "-o", "jsonpath={.status.containerStatuses[0].containerID}")
  ).split("//")[1];
  const bundles = (await run("pgrep", ["-f", "sleep 3600"])).stdout.trim().split("\n");
  for (const pid of bundles) {
    const cgroup = await readFile(`/proc/${pid}/cgroup`, "utf8").catch(() => "");
    if (cgroup.includes(id!)) process.kill(Number(pid), "SIGKILL");
  }
  await eventually("a restart", async () => /Running +1 \(/.test(await cluster.kubectl("get", "pod", "mortal")));
  assert.match(
    await cluster.kubectl("get", "pod", "mortal", "-o", "jsonpath={.status.containerStatuses[0].lastState.terminated}"),
    /"exitCode":137/,
  );
});

test("mistakes get clear answers", { skip }, async () => {
  const wrong = await cluster.tryKubectl(
    ["apply", "-f", "-"],
    "apiVersion: v1\nkind: Pod\nmetadata: {name: x}\nspec: {containers: [{name: c, imagee: y}]}\n",
  );
  assert.match(wrong.stderr, /unknown field "(spec\.containers\[0\]\.)?imagee"/);
  const invalid = await cluster.tryKubectl(["create", "deployment", "Bad_Name", "--image=x"]);
  assert.match(invalid.stderr, /a lowercase RFC 1123 subdomain must consist of/);
  const yaml = await cluster.tryKubectl(["apply", "-f", "-"], "kind: [\n");
  assert.match(yaml.stderr, /error/);
  await cluster.kubectl("run", "nowhere", "--image=no-such-image:1", "--restart=Never");
  await eventually("ErrImagePull", async () =>
    /ErrImagePull|ImagePullBackOff/.test(await cluster.kubectl("get", "pod", "nowhere")),
  );
  await cluster.kubectl("run", "never", "--image=no-such-image:1", "--image-pull-policy=Never", "--restart=Never");
  await eventually("ErrImageNeverPull", async () =>
    (await cluster.kubectl("get", "pod", "never")).includes("ErrImageNeverPull"),
  );
  const big = await cluster.tryKubectl([
    "run",
    "big",
    "--image=shell:1",
    "--overrides",
    '{"spec":{"containers":[{"name":"big","image":"shell:1","resources":{"requests":{"cpu":"1000"}}}]}}',
  ]);
  assert.equal(big.code, 0);
  await eventually("FailedScheduling", async () =>
    /0\/1 nodes are available: 1 Insufficient cpu\./.test(await cluster.kubectl("describe", "pod", "big")),
  );
  await cluster.kubectl("delete", "pod", "nowhere", "never", "big", "--now");
});

test("a namespace goes with all that is in it", { skip }, async () => {
  await cluster.kubectl("create", "namespace", "team");
  await cluster.kubectl("create", "deployment", "web", "--image=hello:1", "-n", "team");
  await cluster.kubectl("rollout", "status", "deployment/web", "-n", "team", "--timeout=60s");
  await cluster.kubectl("delete", "namespace", "team", "--timeout=90s");
  assert.match((await cluster.tryKubectl(["get", "namespace", "team"])).stderr, /NotFound/);
  await cluster.kubectl("delete", "deployment,service,pod", "--all", "--grace-period=1", "--timeout=90s");
  await eventually("no pods left", async () => (await cluster.kubectl("get", "pods", "-o", "name")) === "");
});
