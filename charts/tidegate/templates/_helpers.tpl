{{/* The chart's name, and the release's, cut to what a label may hold. */}}
{{- define "tidegate.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "tidegate.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains (include "tidegate.name" .) .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name (include "tidegate.name" .) | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "tidegate.selectorLabels" -}}
app.kubernetes.io/name: {{ include "tidegate.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tidegate.labels" -}}
{{ include "tidegate.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The dashboard's pods are none of the controller's: its Service must not find them. */}}
{{- define "tidegate.dashboardSelectorLabels" -}}
app.kubernetes.io/name: {{ printf "%s-dashboard" (include "tidegate.name" . | trunc 53 | trimSuffix "-") }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "tidegate.dashboardLabels" -}}
{{ include "tidegate.dashboardSelectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "tidegate.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "tidegate.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- required "serviceAccount.name is empty: name the service account that exists, or set serviceAccount.create" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{/* What a mesh reads on pods: whether they join, and the port that the API server calls from outside. */}}
{{- define "tidegate.meshLabels" -}}
{{- if eq .Values.mesh "istio" -}}
sidecar.istio.io/inject: "true"
{{- end -}}
{{- end -}}

{{- define "tidegate.meshAnnotations" -}}
{{- if eq .Values.mesh "istio" -}}
proxy.istio.io/config: '{"holdApplicationUntilProxyStarts": true}'
{{- if .Values.admission.enabled }}
traffic.sidecar.istio.io/excludeInboundPorts: {{ .Values.admission.port | quote }}
{{- end }}
{{- else if eq .Values.mesh "linkerd" -}}
linkerd.io/inject: enabled
{{- if .Values.admission.enabled }}
config.linkerd.io/skip-inbound-ports: {{ .Values.admission.port | quote }}
{{- end }}
{{- end -}}
{{- end -}}

{{- define "tidegate.authorPolicy" -}}
{{- printf "%s.%s.authors.tidegate.dev" (include "tidegate.fullname" .) .Release.Namespace -}}
{{- end -}}

{{- define "tidegate.commandPolicy" -}}
{{- printf "%s.%s.commands.tidegate.dev" (include "tidegate.fullname" .) .Release.Namespace -}}
{{- end -}}

{{/*
The rules of the controller's role, in each namespace that it watches: what it asks for, and no
more. What is written on a version is read again after a conflict. A test compares the rules with
what was asked.
*/}}
{{- define "tidegate.rules" -}}
- apiGroups: {{ toJson .Values.apiGroups }}
  resources: [canaries]
  verbs: [get, list, watch, patch]
- apiGroups: {{ toJson .Values.apiGroups }}
  resources: [canaries/status]
  verbs: [patch]
# Owner references that hold up an owner's deletion need this right, where that is enforced.
- apiGroups: {{ toJson .Values.apiGroups }}
  resources: [canaries/finalizers]
  verbs: [update]
- apiGroups: {{ toJson .Values.apiGroups }}
  resources: [metrictemplates, alertproviders]
  verbs: [list, watch]
- apiGroups: [tidegate.dev]
  resources: [deliverypolicies]
  verbs: [get, list, watch]
- apiGroups: [tidegate.dev]
  resources: [deliverypolicies/status]
  verbs: [patch]
{{- $rights := .Files.Get "files/rights.yaml" | fromYaml }}
# Workloads, and what tells of their pods and of the templates that they have had.
{{ toYaml $rights.targets }}
# Of a StatefulSet, pods that a rollback would leave as they are make room for those that belong there.
- apiGroups: [""]
  resources: [pods]
  verbs: [list, watch, delete]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, update, delete]
{{- $copied := list }}
{{- if .Values.configTracking }}
{{- $copied = eq .Values.secrets "tracked" | ternary (list "configmaps" "secrets") (list "configmaps") }}
# Primaries get copies of the configs of their targets, which are removed when they are unused.
- apiGroups: [""]
  resources: {{ toJson $copied }}
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
{{- if not (or (has "secrets" $copied) (eq .Values.secrets "none")) }}
# Of metric stores, hooks and alert providers.
- apiGroups: [""]
  resources: [secrets]
  {{- with .Values.secretNames }}
  resourceNames: {{ toJson . }}
  {{- end }}
  verbs: [get]
{{- end }}
# The primary gets a twin of each PodDisruptionBudget of its target.
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, update, delete]
# Autoscalers; a parked target's is paused where its kind can be.
{{ toYaml $rights.scalers }}
- apiGroups: [""]
  resources: [events]
  verbs: [create]
{{- with include "tidegate.routing" (dict "root" . "there" false) }}
{{ . }}
{{- end }}
{{- if .Values.rbac.preflight }}
# Policies that may stop to cover the pods that serve: listed for a Canary that is new or changed.
- apiGroups: [security.istio.io]
  resources: [authorizationpolicies, peerauthentications, requestauthentications]
  verbs: [list]
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [list]
- apiGroups: [cilium.io]
  resources: [ciliumnetworkpolicies]
  verbs: [list]
- apiGroups: [linkerd.io]
  resources: [serviceprofiles]
  verbs: [list]
{{- end }}
{{- with .Values.rbac.extraRules }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/*
The rights on what routers write: of the cluster of the routes where "there" is true, and of the
Canaries' own where it is false. Services and targets are in the latter, whatever routes them.
*/}}
{{- define "tidegate.routing" -}}
{{- $values := .root.Values }}
{{- $rights := (.root.Files.Get "files/rights.yaml" | fromYaml).routers }}
{{- $routing := list }}
{{- range $values.routers }}
{{- if hasKey $rights . }}
{{- $routing = concat $routing (get $rights .) | uniq }}
{{- else if not (has . $values.plugins) }}
{{- fail (printf "routers: %q is unknown; use %s, or name it in plugins as well" . (keys $rights | sortAlpha | join ", ")) }}
{{- end }}
{{- end }}
{{- $wanted := list }}
{{- range $routing }}
{{- $movable := not (or (has "" .apiGroups) (has "serving.knative.dev" .apiGroups)) }}
{{- if $.there | ternary $movable (not (and $movable $values.routesCluster.secretName)) }}
{{- $wanted = append $wanted . }}
{{- end }}
{{- end }}
{{- with $wanted }}
{{- toYaml . }}
{{- end }}
{{- end -}}

{{/* The ports that the controller goes to anywhere: those given, and those of metric stores. */}}
{{- define "tidegate.egressPorts" -}}
{{- $ports := list }}
{{- range .Values.networkPolicy.egressPorts }}
{{- $ports = append $ports (int .) }}
{{- end }}
{{- range .Values.scrapeTargets | default (list .Values.metricsServer) }}
{{- $url := urlParse . }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" }}
{{- $ports = append $ports (int ($port | default (eq $url.scheme "https" | ternary "443" "80"))) }}
{{- end }}
{{- $ports | uniq | toJson }}
{{- end -}}

{{/* Who may ask for an admission, and with what it is answered. */}}
{{- define "tidegate.admissionSecret" -}}
{{- required "admission.secretName is empty: name the Secret of type kubernetes.io/tls that holds the webhook's certificate, or leave admission.enabled out" .Values.admission.secretName -}}
{{- end -}}
