import type { Stage } from "../stage.ts";
import { stage } from "./stage-data.ts";

/** Marks a node as failing, until the annotation is taken away: `true`. */
export const NODE_NOT_READY = "simulate.knarr.dev/not-ready";

const READY = '.status.conditions.[] | select( .type == "Ready" ) | .status';
const FAILING = `.metadata.annotations["${NODE_NOT_READY}"]`;

const conditions = (ready: string) => `{
  {{- $now := Now -}}
  "conditions": [{{ range $i, $c := NodeConditions }}{{ if $i }},{{ end }}
    {{ if eq $c.type "Ready" }}${ready}{{ else }}
    {"type": {{ toJson $c.type }}, "status": {{ toJson $c.status }}, "reason": {{ toJson $c.reason }},
     "message": {{ toJson $c.message }}, "lastHeartbeatTime": "{{ $now }}", "lastTransitionTime": "{{ $now }}"}
    {{- end }}{{ end }}]}`;
const HEALTHY = conditions(`{"type": "Ready", "status": "True", "reason": "KubeletReady",
  "message": "kubelet is posting ready status", "lastHeartbeatTime": "{{ $now }}", "lastTransitionTime": "{{ $now }}"}`);
const FAILED = conditions(`{"type": "Ready", "status": "False", "reason": "KubeletNotReady",
  "message": "PLEG is not healthy: simulated", "lastHeartbeatTime": "{{ $now }}", "lastTransitionTime": "{{ $now }}"}`);
/** A heartbeat leaves the time of the last transition alone: strategic merge keeps what is not named. */
const HEARTBEAT = `{"conditions": [{{ $now := Now }}{{ range $i, $c := NodeConditions }}{{ if $i }},{{ end -}}
  {"type": {{ toJson $c.type }}, "lastHeartbeatTime": "{{ $now }}"}{{ end }}]}`;

/** The life of a node: it becomes ready, says every five minutes that it is, and may be made to fail. */
export const nodeStages: readonly Stage[] = [
  stage("node-initialize", "Node", {
    selector: {
      matchExpressions: [
        { key: READY, operator: "NotIn", values: ["True"] },
        { key: FAILING, operator: "NotIn", values: ["true"] },
      ],
    },
    next: { statusTemplate: HEALTHY },
  }),
  stage("node-heartbeat", "Node", {
    selector: {
      matchExpressions: [
        { key: READY, operator: "In", values: ["True"] },
        { key: FAILING, operator: "NotIn", values: ["true"] },
      ],
    },
    delay: { durationMilliseconds: 300_000, jitterDurationMilliseconds: 315_000 },
    next: { statusTemplate: HEARTBEAT },
  }),
  stage("node-fail", "Node", {
    selector: {
      matchExpressions: [
        { key: READY, operator: "In", values: ["True"] },
        { key: FAILING, operator: "In", values: ["true"] },
      ],
    },
    next: { statusTemplate: FAILED },
  }),
];
