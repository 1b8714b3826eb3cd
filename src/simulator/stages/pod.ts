import type { MatchExpression, Stage } from "../stage.ts";
import { stage } from "./stage-data.ts";

/** Annotations of pods that steer their simulated life. */
export const POD_ANNOTATIONS = {
  /** How long the containers run before they end: a Go duration. Without it only pods of Jobs end, after a second. */
  runFor: "simulate.knarr.dev/run-for",
  /** What they end with; default 0. */
  exitCode: "simulate.knarr.dev/exit-code",
  /** How long they take to stop when the pod is deleted: a Go duration. */
  stopAfter: "simulate.knarr.dev/stop-after",
  /** `fail`: the images can't be pulled. */
  imagePull: "simulate.knarr.dev/image-pull",
} as const;

const annotation = (key: keyof typeof POD_ANNOTATIONS) => `.metadata.annotations["${POD_ANNOTATIONS[key]}"]`;
const present = (key: string): MatchExpression => ({ key, operator: "Exists" });
const absent = (key: string): MatchExpression => ({ key, operator: "DoesNotExist" });
const among = (key: string, ...values: string[]): MatchExpression => ({ key, operator: "In", values });
const notAmong = (key: string, ...values: string[]): MatchExpression => ({ key, operator: "NotIn", values });

const condition = (type: string) => `.status.conditions.[] | select( .type == "${type}" ) | .status`;
const living = absent(".metadata.deletionTimestamp");
const phase = (...values: string[]) => among(".status.phase", ...values);
const pullable = notAmong(annotation("imagePull"), "fail");
const FIRST_WAITING = ".status.containerStatuses.[].state.waiting.reason";
/** Whether its containers end at all. */
const ends = among(
  `(${annotation("runFor")} != null) or (${annotation("exitCode")} != null) or ([.metadata.ownerReferences[]?.kind] == ["Job"])`,
  "true",
);
const endsWell = among(`(${annotation("exitCode")} // "0") == "0"`, "true");
const endsBadly = among(`(${annotation("exitCode")} // "0") == "0"`, "false");
/** Readiness gates that nobody has opened. */
const gates =
  '[.spec.readinessGates[]?.conditionType] - [.status.conditions[]? | select( .status == "True" ) | .type] | length';

const hosts = `"hostIP": "{{ NodeIPWith .spec.nodeName }}", "hostIPs": [{"ip": "{{ NodeIPWith .spec.nodeName }}"}]`;
const conditionJson = (type: string, status: "True" | "False", more = "") =>
  `{"type": "${type}", "status": "${status}", "lastTransitionTime": "{{ $now }}"${more}}`;
const unready = `"reason": "ContainersNotReady", "message": "containers with unready status: [{{ range $i, $c := .spec.containers }}{{ if $i }} {{ end }}{{ $c.name }}{{ end }}]"`;
/** One status for each of a list of containers; \`state\` may use the container as \`$c\`. */
const statuses = (list: string, body: string) =>
  `[{{ range $i, $c := .spec.${list} }}{{ if $i }},{{ end }}{"name": {{ toJson $c.name }}, "image": {{ toJson $c.image }}, "imageID": {{ toJson $c.image }}, ${body}}{{ end }}]`;
const containerId = `"containerID": "simulated://{{ $.metadata.uid }}/{{ $c.name }}"`;
const waiting = (reason: string, message = "") =>
  `"ready": false, "started": false, "restartCount": 0, "state": {"waiting": {"reason": "${reason}"${message}}}`;
const running = `${containerId}, "ready": true, "started": true, "restartCount": 0, "state": {"running": {"startedAt": "{{ $now }}"}}`;
const completed = `${containerId}, "ready": true, "started": false, "restartCount": 0, "state": {"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": "{{ $now }}", "finishedAt": "{{ $now }}"}}`;
const initStatuses = `[{{ range $i, $c := .spec.initContainers }}{{ if $i }},{{ end }}{"name": {{ toJson $c.name }}, "image": {{ toJson $c.image }}, "imageID": {{ toJson $c.image }}, {{ if eq $c.restartPolicy "Always" }}${running}{{ else }}${completed}{{ end }}}{{ end }}]`;
const terminated = (exitCode: string, reason: string) =>
  `${containerId}, "ready": false, "started": false, "restartCount": {{ (index $.status.containerStatuses $i).restartCount }}, "state": {"terminated": {"exitCode": ${exitCode}, "reason": "${reason}", "startedAt": "{{ $.status.startTime }}", "finishedAt": "{{ $now }}"}}`;
const EXIT_CODE = `{{ default "0" (index (or $.metadata.annotations dict) "${POD_ANNOTATIONS.exitCode}") }}`;
const ended = (state: string, result: "Succeeded" | "Failed") => `{{ $now := Now }}{
  "phase": "${result}",
  "conditions": [${conditionJson("Ready", "False", `, "reason": "PodCompleted"`)},
    ${conditionJson("ContainersReady", "False", `, "reason": "PodCompleted"`)}],
  "containerStatuses": ${statuses("containers", state)}}`;
const runsFor = { durationFrom: { expressionFrom: annotation("runFor") } };

/** The back-off of a container that ended for the n-th time, in seconds; from the last one on it stays. */
const BACK_OFF_SECONDS = [10, 20, 40, 80, 160, 300] as const;
const RESTARTS = ".status.containerStatuses[0].restartCount";

/**
 * The life of a pod as the API sees it: sandbox and containers are created, initialised and run; they end, well or ill,
 * where an annotation or a Job says so; crash and come back with the kubelet's back-off; and stop when the pod is
 * deleted. Delays are those of small images on an idle node.
 */
export const podStages: readonly Stage[] = [
  stage("pod-create", "Pod", {
    selector: { matchExpressions: [living, phase("Pending"), absent(".status.startTime")] },
    delay: { durationMilliseconds: 50, jitterDurationMilliseconds: 200 },
    next: {
      statusTemplate: `{{ $now := Now }}{
  "phase": "Pending", "startTime": "{{ $now }}", ${hosts},
  "conditions": [${conditionJson("PodReadyToStartContainers", "True")},
    {{ if .spec.initContainers }}${conditionJson("Initialized", "False", `, "reason": "ContainersNotInitialized"`)}
    {{ else }}${conditionJson("Initialized", "True")}{{ end }},
    ${conditionJson("Ready", "False", `, ${unready}`)}, ${conditionJson("ContainersReady", "False", `, ${unready}`)}],
  {{ if .spec.initContainers }}"initContainerStatuses": ${statuses("initContainers", waiting("PodInitializing"))},{{ end }}
  "containerStatuses": ${statuses("containers", `{{ if $.spec.initContainers }}${waiting("PodInitializing")}{{ else }}${waiting("ContainerCreating")}{{ end }}`)}}`,
    },
  }),
  stage("pod-image-pull-fail", "Pod", {
    selector: {
      matchExpressions: [
        living,
        phase("Pending"),
        present(".status.startTime"),
        among(annotation("imagePull"), "fail"),
        notAmong(FIRST_WAITING, "ImagePullBackOff"),
      ],
    },
    delay: { durationMilliseconds: 500, jitterDurationMilliseconds: 1500 },
    next: {
      event: { type: "Warning", reason: "Failed", message: "Error: ErrImagePull" },
      statusTemplate: `{"containerStatuses": ${statuses("containers", waiting("ImagePullBackOff", `, "message": "Back-off pulling image \\"{{ $c.image }}\\""`))}}`,
    },
  }),
  stage("pod-initialize", "Pod", {
    selector: {
      matchExpressions: [
        living,
        phase("Pending"),
        present(".status.startTime"),
        present(".spec.initContainers"),
        pullable,
        notAmong(condition("Initialized"), "True"),
      ],
    },
    delay: { durationMilliseconds: 300, jitterDurationMilliseconds: 1000 },
    next: {
      statusTemplate: `{{ $now := Now }}{"conditions": [${conditionJson("Initialized", "True")}],
  "initContainerStatuses": ${initStatuses}}`,
    },
  }),
  stage("pod-ready", "Pod", {
    selector: {
      matchExpressions: [living, phase("Pending"), pullable, among(condition("Initialized"), "True")],
    },
    delay: { durationMilliseconds: 300, jitterDurationMilliseconds: 1000 },
    next: {
      event: { type: "Normal", reason: "Started", message: "Container started" },
      statusTemplate: `{{ $now := Now }}{{ $ip := PodIPWith .spec.nodeName ( or .spec.hostNetwork false ) .metadata.uid }}{
  "phase": "Running", "podIP": "{{ $ip }}", "podIPs": [{"ip": "{{ $ip }}"}],
  "conditions": [${conditionJson("ContainersReady", "True")},
    {{ if .spec.readinessGates }}${conditionJson("Ready", "False", `, "reason": "ReadinessGatesNotReady"`)}
    {{ else }}${conditionJson("Ready", "True")}{{ end }}],
  "containerStatuses": ${statuses("containers", running)}}`,
    },
  }),
  stage("pod-gates-open", "Pod", {
    selector: {
      matchExpressions: [
        living,
        phase("Running"),
        present(".spec.readinessGates"),
        notAmong(condition("Ready"), "True"),
        among(condition("ContainersReady"), "True"),
        among(gates, "0"),
      ],
    },
    next: { statusTemplate: `{{ $now := Now }}{"conditions": [${conditionJson("Ready", "True")}]}` },
  }),
  // A node that was silent finds its pods marked as unready, although their containers ran on.
  stage("pod-recover", "Pod", {
    selector: {
      matchExpressions: [
        living,
        phase("Running"),
        absent(".spec.readinessGates"),
        notAmong(condition("Ready"), "True"),
        among(condition("ContainersReady"), "True"),
      ],
    },
    next: {
      statusTemplate: `{{ $now := Now }}{"conditions": [${conditionJson("Ready", "True", `, "reason": null`)}]}`,
    },
  }),
  stage("pod-complete", "Pod", {
    selector: {
      matchExpressions: [
        living,
        phase("Running"),
        among(".spec.restartPolicy", "Never", "OnFailure"),
        ends,
        endsWell,
        absent(FIRST_WAITING),
      ],
    },
    delay: { durationMilliseconds: 1000, ...runsFor },
    next: { statusTemplate: ended(terminated("0", "Completed"), "Succeeded") },
  }),
  stage("pod-fail", "Pod", {
    selector: {
      matchExpressions: [living, phase("Running"), among(".spec.restartPolicy", "Never"), ends, endsBadly],
    },
    delay: { durationMilliseconds: 1000, ...runsFor },
    next: { statusTemplate: ended(terminated(EXIT_CODE, "Error"), "Failed") },
  }),
  ...(
    [
      ["pod-crash", [notAmong(".spec.restartPolicy", "Never"), endsBadly], "Error"],
      ["pod-end-and-restart", [among(".spec.restartPolicy", "Always"), endsWell], "Completed"],
    ] as const
  ).map(([name, which, reason]) =>
    stage(name, "Pod", {
      selector: { matchExpressions: [living, phase("Running"), ...which, ends, absent(FIRST_WAITING)] },
      delay: { durationMilliseconds: 1000, ...runsFor },
      next: {
        event: { type: "Warning", reason: "BackOff", message: "Back-off restarting failed container" },
        statusTemplate: `{{ $now := Now }}{
  "conditions": [${conditionJson("Ready", "False", `, ${unready}`)}, ${conditionJson("ContainersReady", "False", `, ${unready}`)}],
  "containerStatuses": ${statuses(
    "containers",
    `${containerId}, "ready": false, "started": false, "restartCount": {{ add1 (index $.status.containerStatuses $i).restartCount }},
  "state": {"waiting": {"reason": "CrashLoopBackOff"}},
  "lastState": {"terminated": {"exitCode": ${EXIT_CODE}, "reason": "${reason}", "finishedAt": "{{ $now }}"}}`,
  )}}`,
      },
    }),
  ),
  ...BACK_OFF_SECONDS.map((seconds, index) =>
    stage(`pod-restart-${index + 1}`, "Pod", {
      selector: {
        matchExpressions: [
          living,
          phase("Running"),
          among(FIRST_WAITING, "CrashLoopBackOff"),
          index + 1 < BACK_OFF_SECONDS.length
            ? among(RESTARTS, String(index + 1))
            : notAmong(RESTARTS, ...BACK_OFF_SECONDS.slice(0, -1).map((_, before) => String(before + 1))),
        ],
      },
      delay: { durationMilliseconds: seconds * 1000 },
      next: {
        statusTemplate: `{{ $now := Now }}{
  "conditions": [${conditionJson("Ready", "True", `, "reason": null, "message": null`)}, ${conditionJson("ContainersReady", "True", `, "reason": null, "message": null`)}],
  "containerStatuses": ${statuses(
    "containers",
    `${containerId}, "ready": true, "started": true, "restartCount": {{ (index $.status.containerStatuses $i).restartCount }},
  "state": {"running": {"startedAt": "{{ $now }}"}}, "lastState": {{ toJson (index $.status.containerStatuses $i).lastState }}`,
  )}}`,
      },
    }),
  ),
  stage("pod-stop", "Pod", {
    selector: {
      matchExpressions: [
        present(".metadata.deletionTimestamp"),
        phase("Running", "Pending"),
        present(".metadata.finalizers"),
      ],
    },
    delay: {
      durationMilliseconds: 100,
      jitterDurationMilliseconds: 500,
      durationFrom: { expressionFrom: annotation("stopAfter") },
    },
    next: {
      statusTemplate: `{{ $now := Now }}{"phase": "Failed",
  "conditions": [${conditionJson("Ready", "False", `, "reason": "PodFailed"`)}, ${conditionJson("ContainersReady", "False", `, "reason": "PodFailed"`)}]
  {{- if .status.containerStatuses }},
  "containerStatuses": ${statuses("containers", terminated("143", "Error"))}{{ end }}}`,
    },
  }),
  stage("pod-delete", "Pod", {
    selector: {
      matchExpressions: [
        present(".metadata.deletionTimestamp"),
        // Whoever holds it back shall see how it ended.
        among(
          '(.metadata.finalizers == null) or (.status.phase == "Succeeded") or (.status.phase == "Failed")',
          "true",
        ),
      ],
    },
    delay: {
      durationMilliseconds: 100,
      jitterDurationMilliseconds: 500,
      durationFrom: { expressionFrom: annotation("stopAfter") },
    },
    next: { delete: true },
  }),
];
